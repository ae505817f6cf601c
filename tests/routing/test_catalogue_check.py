"""What the check finds in catalogues that can be read."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from routing.catalogue_check import Severity, check
from routing.catalogue_parse import parse_catalogue
from tests.routing.test_catalogue_parse import GOOD

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
CARD = GOOD[GOOD.index("[[card]]") :]
ENDPOINT = GOOD[GOOD.index("[[endpoint]]") : GOOD.index("\n[[card]]")]
BAR = '\n[[bar]]\ntier = "hybrid"\nindex = "i"\nat_least = "10"\n'
SCORED = 'scores = [{{ index = "i", value = "{}", source = "s", as_of = {} }}]\nsource = "a page"\n\n[[endpoint]]'


def found(text: str, severity: Severity) -> list[tuple[str, str]]:
    return [(f.entry, f.says) for f in check(parse_catalogue(text, "my.toml"), AT) if f.severity is severity]


def scored(value: str, tier: str, as_of: str = "2026-01-01") -> str:
    text = GOOD.replace('source = "a page"\n\n[[endpoint]]', SCORED.format(value, as_of))
    return text.replace('tier = "open"', f'tier = "{tier}"') + BAR


def test_a_sound_catalogue_has_only_a_note() -> None:
    """The small catalogue is sound, but for a model without a score."""
    assert [f.severity for f in check(parse_catalogue(GOOD, "my.toml"), AT)] == [Severity.NOTE]


@pytest.mark.parametrize(
    ("text", "entry", "words"),
    [
        (GOOD.replace('model = "m"', 'model = "x"'), "[[endpoint]] p/m", "its model x doesn't exist"),
        (GOOD.replace('endpoint = "p/m"', 'endpoint = "q"'), "[[card]] p/m@1", "its endpoint q doesn't exist"),
        (GOOD.replace('developer_country = "US"', 'developer_country = "QQ"'), "[[model]] m", "QQ"),
        (GOOD.replace('developer_country = "US"', 'developer_country = "ZZ"'), "[[model]] m", "ZZ"),
        (GOOD.replace('host_country = "US"', 'host_country = "UK"'), "[[endpoint]] p/m", "UK"),
        (GOOD.replace("recorded_on = 2026-11-23", "recorded_on = 2027-11-23"), "[[card]] p/m@1", "to come"),
        (f"{GOOD}\n{CARD.replace('p/m@1', 'p/m@2')}", "[[card]] p/m@2", "overlaps p/m@1"),
        (f"{GOOD}\n{ENDPOINT.replace('p/m', 'p/n')}", "[[endpoint]] p/n", "same provider"),
        (scored("9.9", "hybrid"), "[[model]] m", "no score of its passes a bar of tier hybrid"),
        (scored("10", "frontier"), "[[model]] m", "no score of its passes a bar of tier frontier"),
        (scored("10", "hybrid", "2027-01-01"), "[[model]] m", "day to come"),
        ("", "catalogue", "no model"),
    ],
)
def test_errors(text: str, entry: str, words: str) -> None:
    """Each fault that makes a catalogue unfit is an error of its own at the right entry."""
    errors = found(text, Severity.ERROR)
    assert [name for name, _ in errors] == [entry]
    assert words in errors[0][1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD.replace(CARD, ""), "has no approved price card"),
        (GOOD.replace("valid_from = 2026-01-01", "valid_from = 2026-12-01"), "begins on 2026-12-01"),
        (GOOD.replace("recorded_on", "valid_until = 2026-11-01\nrecorded_on"), "expired on 2026-11-01"),
    ],
)
def test_an_endpoint_without_a_price_is_a_warning(text: str, words: str) -> None:
    """No card, none yet and none any more are told apart."""
    (warning,) = found(text, Severity.WARNING)
    assert warning[0] == "[[endpoint]] p/m"
    assert words in warning[1]


def test_an_unapproved_card_is_a_warning() -> None:
    """The card and the endpoint that it leaves without a price are both named."""
    warnings = found(GOOD.replace('approved_by = "seed"\n', ""), Severity.WARNING)
    assert [name for name, _ in warnings] == ["[[endpoint]] p/m", "[[card]] p/m@1"]


def test_a_model_without_endpoint_and_an_endpoint_beyond_its_model() -> None:
    """Neither can be used as it stands."""
    alone = found(GOOD[: GOOD.index("\n[[endpoint]]")], Severity.WARNING)
    assert [name for name, _ in alone] == ["[[model]] m"]
    wide = found(GOOD.replace("limits = {", "context_tokens = 1001\nlimits = {"), Severity.WARNING)
    assert wide == [("[[endpoint]] p/m", "allows more tokens than its model; the model's figure is used")]


def test_a_model_that_has_caught_up_is_noted() -> None:
    """A score at the bar says that the model may be promoted; a newer score below it takes that back."""
    assert found(scored("10", "open"), Severity.NOTE) == [
        ("[[model]] m", "its scores pass a bar of tier hybrid; it may be promoted")
    ]
    newer = '}, { index = "i", value = "9", source = "s", as_of = 2026-06-01 }]\nsource'
    assert found(scored("10", "open").replace("}]\nsource", newer), Severity.NOTE) == []


def test_a_corrected_card_is_no_overlap() -> None:
    """A card of the same day recorded later supersedes, it doesn't overlap."""
    correction = CARD.replace("p/m@1", "p/m@2").replace("recorded_on = 2026-11-23", "recorded_on = 2026-11-24")
    assert found(f"{GOOD}\n{correction}", Severity.ERROR) == []


def test_errors_come_first() -> None:
    """Findings are ordered by severity."""
    text = GOOD.replace('model = "m"', 'model = "x"').replace('approved_by = "seed"\n', "")
    severities = [f.severity for f in check(parse_catalogue(text, "my.toml"), AT)]
    assert severities == sorted(severities, key=list(Severity).index)
    assert set(severities) == set(Severity)


def test_findings_read_as_one_line() -> None:
    """A finding prints its severity, entry and words."""
    assert str(check(parse_catalogue("", "my.toml"), AT)[0]) == "error: catalogue: has no model; add a [[model]]"
