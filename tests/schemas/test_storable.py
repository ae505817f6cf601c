"""JSON text that PostgreSQL takes."""

from __future__ import annotations

import json

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import make_url

from schemas.storable import as_json


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, "ä", None, True, 1.5]}, '{"a":[1,"ä",null,true,1.5]}'),
        ("a\0b", '"a\ufffdb"'),
        ({"\0": "\0\0"}, '{"\ufffd":"\ufffd\ufffd"}'),
        ("\\u0000", '"\\\\u0000"'),
        ("\\\0", '"\\\\\ufffd"'),
        ("\\\\u0000\0", '"\\\\\\\\u0000\ufffd"'),
    ],
)
def test_nul_is_replaced_and_what_looks_like_it_is_not(value, text):
    """An escape of U+0000 goes; the six characters of one, after a backslash, stay."""
    assert as_json(value) == text


@pytest.mark.parametrize("value", ["\ud800", "a\udfffb", {"\ud83d": "\ud83d"}])
def test_halves_of_pairs_are_replaced(value):
    """What is no character becomes the replacement character, and the text is UTF-8."""
    text = as_json(value)
    assert "\ufffd" in text
    assert text.encode("utf-8")


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, 10**40, [10**30, "\ud800\0"]])
def test_large_integers_stay_as_they_are(value):
    """No digit is lost to a float."""
    read = json.loads(as_json(value))
    assert (read[0] if isinstance(value, list) else read) == (value[0] if isinstance(value, list) else value)


def test_what_is_not_json_is_refused():
    """Objects and numbers that JSON lacks are an error, not text that a reader chokes on."""
    with pytest.raises(TypeError):
        as_json({"a": object()})
    with pytest.raises(ValueError, match="JSON"):
        as_json([10**30, float("nan")])


ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=6) | st.text('\\u0\0\ud800"', max_size=12)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=8,
)


def stored(value):
    """The value as it comes back: U+0000 and halves of pairs replaced in every text."""
    if isinstance(value, str):
        return "".join("\ufffd" if char == "\0" or "\ud800" <= char <= "\udfff" else char for char in value)
    if isinstance(value, list):
        return [stored(item) for item in value]
    if isinstance(value, dict):
        return {stored(key): stored(inner) for key, inner in value.items()}
    return value


def close(one, two):
    """Equal, floats as PostgreSQL's numeric reads them, runs of replacement characters taken as one."""
    if isinstance(one, str) and isinstance(two, str):
        return _squeezed(one) == _squeezed(two)
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(map(close, one, two))
    if isinstance(one, dict) and isinstance(two, dict):
        return {_squeezed(key) for key in one} == {_squeezed(key) for key in two}
    return (type(one) is type(two) and one == two) or (isinstance(one, float) and float(two) == one)


def _squeezed(text):
    while "\ufffd\ufffd" in text:
        text = text.replace("\ufffd\ufffd", "\ufffd")
    return text


@pytest.mark.no_cover
@pytest.mark.system
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(VALUES, max_size=5))
def test_any_value_goes_through_jsonb_and_back(jsonb, values):
    """PostgreSQL takes whatever comes, and gives it back with nothing changed but what it can't hold."""
    for value in values:
        (back,) = jsonb.execute("SELECT %s::jsonb::text", [as_json(value)]).fetchone()
        assert close(stored(value), json.loads(back))


@pytest.fixture
def jsonb(database_url):
    """A connection to a real PostgreSQL."""
    address = make_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as connection:
        yield connection
