"""One stand-in for the tests of a module; each test finds its bill empty and no faults."""

import pytest

from bench.standin.process import StandIn
from tests.bench.calling import MONDAY_NOON, PRICES


@pytest.fixture(scope="module")
def started():
    with StandIn.start(prices=PRICES, now=MONDAY_NOON) as standin:
        yield standin


@pytest.fixture
def standin(started):
    started.set_faults([])
    started.reset_bill()
    return started
