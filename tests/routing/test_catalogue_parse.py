"""Every problem of a text is named with its file, line, entry and field."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.catalogue_parse import MAX_PROBLEMS, MAX_TEXT, CatalogueError, Problem, parse_catalogue

GOOD = """\
[[model]]
id = "m"
developer = "Dev"
developer_country = "US"
weights = "open"
licence = "MIT"
tier = "open"
context_tokens = 1000
max_output_tokens = 100
source = "a page"

[[endpoint]]
id = "p/m"
model = "m"
provider = "p"
protocol = "openai"
base_url = "https://api.example.com/v1"
remote_model = "M"
host_country = "US"
api_key_env = "P_API_KEY"
limits = { rpm = 10, tpm = 1000, concurrency = 2 }
source = "a page"

[[card]]
id = "p/m@1"
endpoint = "p/m"
valid_from = 2026-01-01
recorded_on = 2026-11-23
approved_by = "seed"
source = "a price list"
input = "1.5"
output = "3"
"""


def problems(text: str) -> tuple[Problem, ...]:
    with pytest.raises(CatalogueError) as caught:
        parse_catalogue(text, "my.toml")
    return caught.value.problems


def change(old: str, new: str) -> str:
    assert GOOD.count(old) == 1
    return GOOD.replace(old, new)


def test_the_good_text_is_good() -> None:
    """What the other tests spoil can be read."""
    catalogue = parse_catalogue(GOOD, "my.toml")
    assert [len(catalogue.models), len(catalogue.endpoints), len(catalogue.cards)] == [1, 1, 1]
    assert repr(catalogue).startswith("Catalogue(")


@pytest.mark.parametrize(
    ("old", "new", "line", "entry", "field"),
    [
        ('tier = "open"', 'tier = "best"', 7, "[[model]] m", "tier"),
        ("context_tokens = 1000", "context_tokens = 10.5", 8, "[[model]] m", "context_tokens"),
        ("context_tokens = 1000", "context_tokens = true", 8, "[[model]] m", "context_tokens"),
        ('licence = "MIT"', 'license = "MIT"', 6, "[[model]] m", "license"),
        ('developer_country = "US"', 'developer_country = "usa"', 4, "[[model]] m", "developer_country"),
        ("rpm = 10", "rpm = 0", 21, "[[endpoint]] p/m", "limits.rpm"),
        ('api_key_env = "P_API_KEY"', 'api_key_env = "sk-secret-key"', 20, "[[endpoint]] p/m", "api_key_env"),
        ("https://api", "http://api", 17, "[[endpoint]] p/m", "base_url"),
        ("com/v1", "com/v1/", 17, "[[endpoint]] p/m", "base_url"),
        ("valid_from = 2026-01-01", 'valid_from = "2026-01-01"', 27, "[[card]] p/m@1", "valid_from"),
        ("valid_from = 2026-01-01", "valid_from = 2026-01-01T00:00:00", 27, "[[card]] p/m@1", "valid_from"),
        ('input = "1.5"', "input = 1.5", 31, "[[card]] p/m@1", "input"),
        ('input = "1.5"', "input = 1", 31, "[[card]] p/m@1", "input"),
        ('input = "1.5"', 'input = "$1.5"', 31, "[[card]] p/m@1", "input"),
        ('approved_by = "seed"', 'approved_by = " "', 29, "[[card]] p/m@1", "approved_by"),
    ],
)
def test_a_wrong_field_is_named_with_its_line(old: str, new: str, line: int, entry: str, field: str) -> None:
    """One spoiled field gives one problem, which points at it."""
    found = [p for p in problems(change(old, new)) if p.field == field]
    assert [(p.origin, p.line, p.entry, p.field) for p in found] == [("my.toml", line, entry, field)]


def test_a_missing_field_points_at_its_entry() -> None:
    """What isn't there is missing from the line where its entry begins."""
    (found,) = problems(change('output = "3"\n', ""))
    assert (found.line, found.field, found.says) == (24, "output", "is missing; add it")
    assert str(found) == "my.toml:24: [[card]] p/m@1, output: is missing; add it"


def test_all_problems_come_at_once_in_order() -> None:
    """Three spoiled entries give three problems, by line."""
    text = GOOD.replace('"MIT"', "1").replace('"M"', "2").replace('"3"', "3")
    assert [p.field for p in problems(text)] == ["licence", "remote_model", "output"]


def test_lines_are_right_after_long_texts_and_comments() -> None:
    """A header inside a text of many lines, or in a comment, is not an entry."""
    decoy = 'source = """\n[[card]]\nid = "decoy"\n"""'
    text = '# [[card]] """\n' + GOOD.replace('licence = "MIT"', 'licence = "it\'s"').replace(
        'source = "a price list"', 'source = "a price list" # """'
    )
    text = text.replace('source = "a page"', decoy, 1).replace('output = "3"', "output = 3")
    found = [p for p in problems(text) if p.field == "output"]
    assert [text.split("\n")[p.line - 1] for p in found] == ["output = 3"]


def test_scores_are_read_and_named() -> None:
    """A score without a source, or with a bare number, points at the model's scores."""
    scores = 'scores = [\n  { index = "i", value = 1.5, as_of = 2026-01-01 },\n]\nsource = "a page"\n\n[[endpoint]]'
    text = GOOD.replace('source = "a page"\n\n[[endpoint]]', scores)
    assert {(p.line, p.field) for p in problems(text)} == {(10, "scores.0.value"), (10, "scores.0.source")}
    tables = '\n[[model.scores]]\nindex = "i"\nvalue = "x"\nsource = "s"\nas_of = 2026-01-01\n\n[[endpoint]]'
    (found,) = problems(GOOD.replace("\n[[endpoint]]", tables))
    assert (found.line, found.field) == (12, "scores.0.value")


@pytest.mark.parametrize(
    ("addition", "entry", "field"),
    [
        (GOOD[: GOOD.index("\n[[endpoint]]")], "[[model]] m", "id"),
        (GOOD[GOOD.index("[[endpoint]]") : GOOD.index("\n[[card]]")], "[[endpoint]] p/m", "id"),
        (GOOD[GOOD.index("[[card]]") :], "[[card]] p/m@1", "id"),
    ],
)
def test_ids_are_unique(addition: str, entry: str, field: str) -> None:
    """The second entry of an id is the one that is refused."""
    (found,) = problems(f"{GOOD}\n{addition}")
    assert (found.entry, found.field) == (entry, field)
    assert found.line > GOOD.count("\n")


@pytest.mark.parametrize("alias", ["m", "auto", "frontier"])
def test_aliases_mean_one_thing(alias: str) -> None:
    """An alias is neither a model's id nor a reserved name."""
    (found,) = problems(change('licence = "MIT"', f'licence = "MIT"\naliases = ["{alias}"]'))
    assert (found.line, found.field) == (7, "aliases")


def test_a_model_is_not_named_like_a_tier() -> None:
    """``open`` as the id of a model is refused."""
    found = problems(change('id = "m"', 'id = "open"'))
    assert [(p.line, p.field) for p in found] == [(2, "id")]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[[model]]\nid = \n", 2),
        ('a = "x', 1),
        ("a = 1\na = 2\n", 2),
        ("\n[[models]]\nid = 'x'\n", 2),
        ("model = 3\n", 1),
        ("\nmodel = [1]\n", 2),
        ('model = """\n', 2),
    ],
)
def test_broken_toml_is_named_with_its_line(text: str, line: int) -> None:
    """Syntax errors and unknown tables give one problem with a line."""
    (found,) = problems(text)
    assert (found.origin, found.line) == ("my.toml", line)


@pytest.mark.parametrize(
    "text",
    ["a=" + "[" * 100_000, "a=" + "9" * 5_000, "x" * (MAX_TEXT + 1), "a=1e999999999", "\x00", "[[card]]\n" * 5_000],
)
def test_hostile_texts_are_refused_without_a_traceback(text: str) -> None:
    """Depth, size, huge numbers and control characters end in problems, and in few of them."""
    assert 1 <= len(problems(text)) <= MAX_PROBLEMS


def test_no_value_is_repeated_in_a_problem() -> None:
    """A key pasted where a variable's name belongs doesn't show up in the error."""
    with pytest.raises(CatalogueError) as caught:
        parse_catalogue(change('"P_API_KEY"', '"sk-secret-key"'), "my.toml")
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(caught.value)


@settings(deadline=None)  # a loaded machine is no fault
@given(st.text(max_size=200), st.integers(0, len(GOOD)))
def test_any_text_is_read_or_refused(noise: str, place: int) -> None:
    """Nothing but a CatalogueError ever comes of a text."""
    text = GOOD[:place] + noise + GOOD[place:]
    refused: tuple[Problem, ...] = ()
    try:
        parse_catalogue(text, "my.toml")
    except CatalogueError as error:
        refused = error.problems or (Problem("my.toml", -1, "", "", "an error without problems"),)
    assert all(0 <= problem.line <= text.count("\n") + 1 for problem in refused)
