"""Each fault by its name: what the caller sees, and whether it is on the bill."""

import http.client
import json
import socket

import pytest

from bench.standin.faults import KINDS
from bench.standin.process import StandInError
from tests.bench.calling import chat, message

ERRORS = [
    ("rate_limit", 429, 429, "rate_limit_error"),
    ("server_error", 500, 500, "api_error"),
    ("overloaded", 503, 529, "overloaded_error"),
    ("bad_request", 400, 400, "invalid_request_error"),
    ("unauthorized", 401, 401, "authentication_error"),
]
TESTED = {name for name, *_ in ERRORS} | {
    *("refusal", "empty", "truncated", "invalid_json", "wrong_label", "wrong_language", "slow", "hang"),
    *("reset_before_billing", "reset_after_billing", "cut_body", "bad_usage"),
}


def billed(standin):
    """The faults of the calls on the bill."""
    return [entry["fault"] for entry in standin.entries()]


def test_every_fault_is_tested():
    """The table of names and this file agree."""
    assert set(KINDS) == TESTED


@pytest.mark.parametrize(("name", "openai", "anthropic", "kind"), ERRORS)
def test_an_error_has_the_shape_of_its_protocol_and_costs_nothing(standin, name, openai, anthropic, kind):
    """OpenAI's and Anthropic's status and words."""
    standin.set_faults([{"fault": name}])
    first, second = chat(standin.url, "hello"), message(standin.url, "hello")
    assert (first.status, second.status) == (openai, anthropic)
    assert set(first.body["error"]) == {"message", "type", "param", "code"}
    assert (second.body["type"], second.body["error"]["type"]) == ("error", kind)
    assert billed(standin) == []


def test_a_rate_limit_says_when_to_come_back(standin):
    """One second, or what the rule says."""
    standin.set_faults([{"fault": "rate_limit", "match": {"first": 1}}, {"fault": "rate_limit", "retry_after": 2.5}])
    assert [chat(standin.url, "hello").headers["retry-after"] for _ in range(2)] == ["1", "2.5"]


def test_the_status_of_an_error_can_be_chosen(standin):
    """A server error may be a 503."""
    standin.set_faults([{"fault": "server_error", "status": 503}])
    assert chat(standin.url, "hello").status == 503


def test_a_refusal_is_an_answer_and_is_billed(standin):
    """In the words of each protocol."""
    standin.set_faults([{"fault": "refusal"}])
    choice = chat(standin.url, "hello").body["choices"][0]
    assert (choice["finish_reason"], choice["message"]["content"]) == ("content_filter", None)
    assert choice["message"]["refusal"]
    body = message(standin.url, "hello").body
    assert (body["stop_reason"], body["content"]) == ("refusal", [])
    assert billed(standin) == ["refusal", "refusal"]


def test_an_empty_answer_is_billed_for_its_prompt(standin):
    """No text, no output tokens."""
    standin.set_faults([{"fault": "empty"}])
    assert chat(standin.url, "hello").text == ""
    assert message(standin.url, "hello").body["content"] == []
    assert [(entry["output"], entry["input"]) for entry in standin.entries()] == [(0, 6), (0, 6)]


def test_a_truncated_answer_is_half_of_it(standin):
    """It says that its length was the reason."""
    whole = chat(standin.url, "hello").text
    standin.set_faults([{"fault": "truncated"}])
    reply = chat(standin.url, "hello")
    assert reply.text == whole[: len(whole) // 2]
    assert reply.body["choices"][0]["finish_reason"] == "length"
    assert billed(standin) == [None, "truncated"]


def test_invalid_json_is_not_json(standin):
    """Though a schema was asked for."""
    standin.set_faults([{"fault": "invalid_json"}])
    form = {"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}}}
    with pytest.raises(json.JSONDecodeError):
        json.loads(chat(standin.url, "hello", response_format=form).text)
    assert billed(standin) == ["invalid_json"]


def test_a_wrong_label_is_none_of_the_labels(standin):
    """Though they were listed."""
    standin.set_faults([{"fault": "wrong_label"}])
    assert chat(standin.url, "Answer with one of: yes, no").text not in {"yes", "no"}
    assert billed(standin) == ["wrong_label"]


def test_a_wrong_language_is_another_script(standin):
    """Chinese for an English request, English for a Chinese one."""
    standin.set_faults([{"fault": "wrong_language"}])
    assert not chat(standin.url, "hello").text.isascii()
    assert chat(standin.url, "请问这份合同是什么意思").text.isascii()
    assert billed(standin) == ["wrong_language", "wrong_language"]


def test_a_slow_answer_comes_and_is_billed(standin):
    """A caller with less patience than the delay gives up first, and is billed all the same when it is over."""
    standin.set_faults([{"fault": "slow", "seconds": 0.6}])
    with pytest.raises(TimeoutError):
        chat(standin.url, "hello", timeout=0.2)
    assert chat(standin.url, "hello").status == 200
    assert billed(standin) == ["slow", "slow"]


@pytest.mark.parametrize(("rule", "on_the_bill"), [({}, []), ({"billed": True}, ["hang"])])
def test_a_hanging_call_gets_nothing(standin, rule, on_the_bill):
    """It is billed only where the rule says so, and once its seconds are over the connection is reset."""
    standin.set_faults([{"fault": "hang", **rule}])
    with pytest.raises(TimeoutError):
        chat(standin.url, "hello", timeout=0.3)
    standin.set_faults([{"fault": "hang", "seconds": 0.1}])
    with pytest.raises(ConnectionResetError):
        chat(standin.url, "hello")
    assert billed(standin) == on_the_bill


@pytest.mark.parametrize(("name", "on_the_bill"), [("reset_before_billing", []), ("reset_after_billing", [None])])
def test_a_reset_breaks_the_connection(standin, name, on_the_bill):
    """The caller sees the same; only the bill knows the difference."""
    standin.set_faults([{"fault": name}])
    for ask in (chat, message):
        with pytest.raises(ConnectionResetError) as broken:
            ask(standin.url, "hello")
        assert type(broken.value) is ConnectionResetError  # not http.client's name for a connection that just ended
    assert billed(standin) == [name for _ in on_the_bill for _ in range(2)]
    assert standin.stats()["by_status"]["0"] >= 2


def test_a_cut_body_ends_half_way(standin):
    """More bytes were announced than came, and the call is billed."""
    standin.set_faults([{"fault": "cut_body"}])
    with pytest.raises(http.client.IncompleteRead) as cut:
        chat(standin.url, "hello")
    assert cut.value.partial.startswith(b'{"id":"chatcmpl-')
    assert billed(standin) == ["cut_body"]


def test_bad_usage_is_an_answer_without_any(standin):
    """The text is there, and the bill knows what it cost."""
    standin.set_faults([{"fault": "bad_usage"}])
    for ask in (chat, message):
        reply = ask(standin.url, "hello")
        assert "usage" not in reply.body
        assert reply.text
    assert billed(standin) == ["bad_usage", "bad_usage"]


def test_rules_choose_by_what_is_called(standin):
    """Provider, model, endpoint and a text in the prompt must all hold; the first rule that does decides."""
    standin.set_faults(
        [
            {"fault": "bad_request", "match": {"provider": "alpha", "contains": "poison"}},
            {"fault": "server_error", "match": {"endpoint": "beta/two"}},
            {"fault": "unauthorized", "match": {"model": "odd"}},
        ]
    )
    calls = (chat(standin.url, "poison"), chat(standin.url, "hello"), chat(standin.url, "hello", model="odd"))
    assert [reply.status for reply in calls] == [400, 200, 401]
    assert message(standin.url, "poison").status == 500


def test_every_strikes_the_same_requests_each_time(standin):
    """One in four of eighty, as drawn from the request."""
    standin.set_faults([{"fault": "server_error", "match": {"every": 4}}])
    rounds = [[chat(standin.url, f"question {number}").status for number in range(80)] for _ in range(2)]
    assert rounds[0] == rounds[1]
    assert 8 <= rounds[0].count(500) <= 32


def test_first_and_tries_end_by_themselves(standin):
    """The first two calls fail; or the first call of each request, so that its retry gets through."""
    standin.set_faults([{"fault": "server_error", "match": {"first": 2}}])
    assert [chat(standin.url, "hello").status for _ in range(3)] == [500, 500, 200]
    assert standin._ask("GET", "/standin/faults")[0]["struck"] == 2
    standin.set_faults([{"fault": "server_error", "match": {"tries": 1}}])
    assert [chat(standin.url, text).status for text in ("a", "b", "a", "b")] == [500, 500, 200, 200]


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ([{"fault": "fire"}], "fault rule 1: fault must be one of rate_limit"),
        ([{"fault": "slow"}, {"fault": "slow", "secs": 1}], "fault rule 2: unknown field 'secs'"),
        ([{"fault": "slow", "match": {"every": 0}}], "match.every must be a whole number from 1"),
        ([{"fault": "slow", "status": 500}], "slow has no status"),
        ([{"fault": "empty", "billed": True}], "only for hang"),
        ([{"fault": "slow", "seconds": -1}], "seconds must be a number from 0"),
        (["slow"], "fault rule 1: must be an object"),
    ],
)
def test_a_rule_that_cannot_be_used_is_refused(standin, rules, says):
    """The message says which and why, and the rules before it stay in force."""
    standin.set_faults([{"fault": "server_error"}])
    with pytest.raises(StandInError, match=says.replace(".", r"\.")):
        standin.set_faults(rules)
    assert chat(standin.url, "hello").status == 500


def test_a_broken_caller_leaves_the_others_alone(standin):
    """Half a request and then nothing: no call is counted as in flight for ever, nor billed."""
    host, port = standin.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as half:
        half.sendall(b"POST /alpha/v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    assert chat(standin.url, "hello").status == 200
    assert billed(standin) == [None]
