"""Which endpoints can be called from here."""

from __future__ import annotations

from routing.catalogue_parse import parse_catalogue
from schemas.vocabulary import Protocol
from tests.routing.small_catalogue import FRONTIER_US, OPEN_LOCAL, catalogue_text
from workers.calls import Target
from workers.reach import Reach, find_reach

KEY = "sk-hunter2"
CATALOGUE = parse_catalogue(catalogue_text([FRONTIER_US, OPEN_LOCAL]), "small.toml")
STANDIN = "http://127.0.0.1:9"


def reach(environment: dict[str, str], standin_url: str | None = None, cap: int = 4096) -> Reach:
    return find_reach(CATALOGUE, environment, standin_url, cap)


def test_without_key_or_address_each_says_what_is_missing() -> None:
    """Nothing can be called, and the variable to set is named."""
    found = reach({})
    assert found.targets == {}
    assert found.unreachable == {"us/opus": "SOME_KEY is not set", "local/llama": "LOCAL_URL is not set"}
    assert not found.standin


def test_a_key_opens_the_provider_s_own_address() -> None:
    """With a key the stand-in stays out of it."""
    found = reach({"SOME_KEY": KEY}, STANDIN)
    expected = Target("us/opus", Protocol.OPENAI, "https://api.example/v1", "opus", KEY, 600.0, 4096)
    assert found.targets == {"us/opus": expected}
    assert not found.standin


def test_the_stand_in_answers_for_providers_without_a_key() -> None:
    """Its address names the provider, it gets no key, and its answers are known as its own."""
    found = reach({}, STANDIN)
    target = found.targets["us/opus"]
    assert (target.base_url, target.api_key, target.standin) == (f"{STANDIN}/us/v1", "", True)
    assert found.standin


def test_the_stand_in_is_no_server_of_one_s_own() -> None:
    """A local server is called where its address is set and nowhere else."""
    assert "local/llama" in reach({}, STANDIN).unreachable
    target = reach({"LOCAL_URL": "http://gpu:8000/v1/"}, STANDIN).targets["local/llama"]
    assert (target.base_url, target.api_key, target.standin) == ("http://gpu:8000/v1", "", False)


def test_an_answer_is_never_longer_than_the_endpoint_gives() -> None:
    """The cap for jobs that name none is the one handed in, or the endpoint's where that is lower."""
    assert reach({"SOME_KEY": KEY}, cap=4096).targets["us/opus"].default_max_output == 4096
    assert reach({"SOME_KEY": KEY}, cap=10**9).targets["us/opus"].default_max_output == FRONTIER_US.max_output


def test_a_key_is_not_shown() -> None:
    """The text of what can be called holds no key."""
    assert KEY not in repr(reach({"SOME_KEY": KEY}))
