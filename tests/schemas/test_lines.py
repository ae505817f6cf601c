"""Reading lines: endings, limits, duplicates and memory."""

from __future__ import annotations

import io
import json
import tracemalloc
from typing import Any, BinaryIO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.lines import LineLimits, ParsedJob, RawLine, lines_of, parse_line, read_jobs, read_lines
from schemas.problems import BATCH_CODES, Problem, ProblemCode
from tests.schemas.build import MODELS, job, parse, read

GOOD = json.dumps(job()).encode()


def codes(items: list[Any]) -> list[str]:
    return [item.code.value if isinstance(item, Problem) else "ok" for item in items]


def test_crlf_bom_blank_lines_and_a_missing_last_newline_are_read():
    """A file written by another editor reads the same, blank lines counting as lines."""
    second = json.dumps(job("job-2")).encode()
    items = read(b"\xef\xbb\xbf" + GOOD + b"\r\n  \r\n\n" + second)
    assert [(item.line, item.custom_id) for item in items] == [(1, "job-1"), (4, "job-2")]


def test_a_line_of_exactly_the_limit_is_taken_with_any_ending():
    """The limit counts the line, neither its ending nor the byte order mark."""
    for data in (GOOD, GOOD + b"\n", GOOD + b"\r\n", b"\xef\xbb\xbf" + GOOD + b"\r\n"):
        assert codes(read(data, max_line_bytes=len(GOOD))) == ["ok"]
        assert codes(read(data, max_line_bytes=len(GOOD) - 1)) == ["line_too_long"]


def test_the_line_after_one_that_is_too_long_is_read():
    """An over-long line costs itself only."""
    items = read(b"x" * 500_000 + b"\n" + GOOD + b"\n", max_line_bytes=len(GOOD))
    assert codes(items) == ["line_too_long", "ok"]
    assert items[1].line == 2


class Endless(io.RawIOBase):
    """A file of one line that goes on for ``size`` bytes."""

    def __init__(self, size: int) -> None:
        self.left = size

    def readline(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        assert size > 0, "a whole line was asked for"
        take = min(size, self.left)
        self.left -= take
        return b"x" * take


def test_an_endless_line_is_passed_over_in_flat_memory():
    """200 MB without a newline are read in less than 4 MB."""
    stream: BinaryIO = Endless(200_000_000)  # type: ignore[assignment]
    tracemalloc.start()
    try:
        found = list(read_lines(stream, LineLimits()))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert codes(found) == ["line_too_long"]
    assert peak < 4_000_000


def test_a_file_over_the_byte_limit_is_refused_while_it_is_read():
    """The reader stops near the limit, also inside of one endless line."""
    stream = Endless(1 << 40)
    found = list(read_lines(stream, LineLimits(max_bytes=10_000_000)))  # type: ignore[arg-type]
    assert codes(found) == ["file_too_large"]
    assert (1 << 40) - stream.left < 11_000_000


def test_too_many_lines_refuse_the_batch():
    """The line after the last one allowed ends the reading with a problem of the batch."""
    data = b"".join(json.dumps(job(f"j{i}")).encode() + b"\n" for i in range(4))
    items = read(data, max_lines=3)
    assert codes(items) == ["ok", "ok", "ok", "too_many_lines"]
    assert items[-1].refuses_batch
    assert items[-1].line == 0
    assert codes(read(data, max_lines=4)) == ["ok"] * 4


@pytest.mark.parametrize("data", [b"", b"\n\r\n  \n", b"\xef\xbb\xbf"])
def test_a_file_without_a_job_is_an_empty_batch(data):
    """Nothing and only blank lines are the same: an error of the batch."""
    assert codes(read(data)) == ["empty_batch"]


def test_a_file_of_bad_lines_is_not_an_empty_batch():
    """Bad lines are told one by one instead."""
    assert codes(read(b"{\n[]\n")) == ["invalid_json", "not_an_object"]


def test_a_custom_id_belongs_to_the_first_line_that_uses_it():
    """The second use is a problem that names the first line, also where the first line is bad."""
    bad = job("b", model="nonesuch")
    lines = [job("a"), job("a"), bad, job("b")]
    items = read(b"\n".join(json.dumps(line).encode() for line in lines))
    assert codes(items) == ["ok", "duplicate_custom_id", "unknown_model", "duplicate_custom_id"]
    assert "line 1" in items[1].says
    assert "line 3" in items[3].says


def test_all_problems_of_a_file_are_told_in_order():
    """Nothing stops at the first bad line."""
    items = read(b"{\n" + GOOD + b"\n[]\n" + json.dumps(job("c", stream=True)).encode())
    assert [(item.line, code) for item, code in zip(items, codes(items), strict=True)] == [
        (1, "invalid_json"),
        (2, "ok"),
        (3, "not_an_object"),
        (4, "streaming_unsupported"),
    ]


def test_lines_of_a_message_are_objects_or_their_text():
    """Both forms give the same job."""
    items = list(read_jobs(lines_of([job("a"), json.dumps(job("b")), "  "]), model_names=MODELS))
    assert [item.custom_id for item in items if isinstance(item, ParsedJob)] == ["a", "b"]


def deep() -> Any:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("item", "code"),
    [
        (3, "not_an_object"),
        (None, "not_an_object"),
        (job(temperature=float("nan")), "not_a_number"),
        (job(user="\ud800"), "invalid_json"),
        (job(user=b"x"), "invalid_json"),
        (job(tools=deep()), "too_deep"),
        (job(seed=2**70), "invalid_field"),
        ("x" * 3_000_000, "line_too_long"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 40 else "",
)
def test_lines_of_a_message_that_json_could_not_carry_are_told(item, code):
    """What a Python producer can put into a message but JSON can't hold is a problem of its line."""
    assert codes(list(read_jobs(lines_of([item]), model_names=MODELS))) == [code]


def test_a_message_is_held_to_the_limits():
    """Lines and bytes are counted over the whole message."""
    assert codes(list(lines_of([job()] * 3, LineLimits(max_lines=2))))[-1] == "too_many_lines"
    assert codes(list(lines_of([job()] * 3, LineLimits(max_bytes=200))))[-1] == "file_too_large"
    assert codes(list(lines_of([]))) == ["empty_batch"]


def test_limits_that_make_no_sense_are_refused():
    """A zero limit and a depth that our JSON writer can't reach are errors of the settings."""
    with pytest.raises(ValueError, match="at least 1"):
        LineLimits(max_lines=0)
    with pytest.raises(ValueError, match="at most 200"):
        LineLimits(max_depth=201)


def test_the_job_text_shows_in_no_repr_and_no_problem():
    """A prompt is nobody else's business, so nothing that could reach a log holds it."""
    private = "hunter2-x"
    shown = [repr(RawLine(1, private.encode())), repr(parse(job(messages=[{"role": "user", "content": private}])))]
    shown.append(
        repr(parse(job(model=private, stream=private, n=private, max_tokens=private, response_format=private)))
    )
    shown.append(repr(parse(job(messages=[{"role": private, "content": {private + " ": 1}}], metadata={"tenant": 3}))))
    shown.append(repr(parse(job(metadata={"stakes": private, "budget_usd": private, "pattern": f"({private}"}))))
    shown.append(repr(parse(f'{{"{private} and a space": 1, "a": {private}}}'.encode())))
    shown.append(repr(parse({private + " and a space": 1})))
    assert not [text for text in shown if private in text]


@given(st.binary(max_size=300))
def test_any_bytes_give_problems_and_never_a_traceback(data):
    """Whatever a file holds, reading it ends, and problems name lines of the file."""
    for item in read(data):
        assert isinstance(item, Problem)
        assert item.line <= data.count(b"\n") + 1
        assert (item.line == 0) == (item.code in BATCH_CODES)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["user", "auto"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
fields = ["model", "messages", "max_tokens", "n", "stream", "metadata", "response_format", "tools"]


@settings(suppress_health_check=[HealthCheck.too_slow])  # the machine may be busy with other tests
@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(("custom_id", "method", "url", "body", "x"), values)),
    st.dictionaries(st.sampled_from(fields), values, max_size=4),
)
def test_any_object_is_a_job_or_has_a_problem(line, body):
    """Whatever an object holds, it is taken or refused with a known code."""
    for item in (line, job(**body), job(metadata=body)):
        parsed = parse_line(RawLine(1, json.dumps(item).encode()), model_names=MODELS)
        assert isinstance(parsed, ParsedJob) or all(isinstance(problem.code, ProblemCode) for problem in parsed)
