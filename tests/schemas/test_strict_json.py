"""Strict JSON: what two readers could understand differently is refused by name."""

from __future__ import annotations

import time

import pytest

from schemas.strict_json import UnreadableError, decode


def refused(data: bytes, max_depth: int = 32) -> str:
    with pytest.raises(UnreadableError) as caught:
        decode(data, max_depth=max_depth)
    return caught.value.code.value


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"{", "invalid_json"),
        (b"{'a': 1}", "invalid_json"),
        (b'{"a": 1} x', "invalid_json"),
        (b'["\x01"]', "invalid_json"),
        (b'["\\ud800"]', "invalid_json"),
        (b'["\xff"]', "invalid_utf8"),
        (b'["\xed\xa0\x80"]', "invalid_utf8"),
        (b"\xff\xfe{\x00}\x00", "invalid_utf8"),
        (b"[NaN]", "not_a_number"),
        (b"[-Infinity]", "not_a_number"),
        (b"[1e999]", "not_a_number"),
        (b"[18446744073709551616]", "invalid_field"),
        (b"[-9223372036854775809]", "invalid_field"),
        (b"[" + b"9" * 400 + b"]", "invalid_field"),
        (b"[" + b"9" * 5000 + b"]", "invalid_field"),
        (b'{"a": {"b": 1, "b": 2}}', "duplicate_key"),
        (b'{"a": ":", "\\u0061": "\\u003a"}', "duplicate_key"),
        (b'["a\\u0000b"]', "invalid_field"),
        (b'{"a\\u0000": 1}', "invalid_field"),
    ],
)
def test_each_flaw_has_its_code(data, code):
    """Every way in which a text is not strict JSON is told apart."""
    assert refused(data) == code


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"[18446744073709551615, -9223372036854775808]", [2**64 - 1, -(2**63)]),
        (b'["12345678901234567890123"]', ["12345678901234567890123"]),
        (b'["\\\\u0000"]', ["\\u0000"]),
        (b'{"a:b": "c:\\u003a", "d": ":"}', {"a:b": "c::", "d": ":"}),
        ('["\\ud83d\\ude00 é 漢"]'.encode(), ["😀 é 漢"]),
        (b"[1e300, 1.5]", [1e300, 1.5]),
    ],
)
def test_what_only_looks_wrong_is_read(data, value):
    """Colons, long digits and escapes inside of strings are text."""
    assert decode(data, max_depth=32) == value


@pytest.mark.parametrize("depth", [32, 33, 1000, 1025, 100_000])
def test_depth_counts_nested_brackets_and_not_those_in_text(depth):
    """One level over the limit is refused, a million brackets in a string are not; no depth overflows the stack."""
    nested = b"[" * depth + b"]" * depth
    if depth == 32:
        assert decode(nested, max_depth=32)
    else:
        assert refused(nested) == "too_deep"
    assert refused(b"[" * depth + b"}") == ("invalid_json" if depth == 32 else "too_deep")
    assert decode(b'["' + b"[{" * depth + b'"]', max_depth=1)
    assert decode(b"[" + b"[]," * depth + b"[]]", max_depth=2)


@pytest.mark.parametrize("piece", [b'"\\"', b'"', b"\\", b'\\"', b"[", b'{"a":', b"\xe2\x82"])
def test_hostile_lines_are_refused_in_linear_time(piece):
    """A megabyte of any awkward piece takes about a second, where quadratic time would take hours."""
    started = time.perf_counter()
    refused(b'["' + piece * (1_000_000 // len(piece)))
    assert time.perf_counter() - started < 10
