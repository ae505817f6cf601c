"""Requests that are wrong, and what those who watch the stand-in can see."""

import pytest

from tests.bench.calling import chat, message, send

OPENAI = "/alpha/v1/chat/completions"
GOOD = {"model": "one", "messages": [{"role": "user", "content": "hello"}]}


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": "hello"}, "messages"),
        ({"messages": [{"role": "wizard", "content": "hello"}]}, "messages[0]"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
        ({"model": None}, "model"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"stream": True}, "stream"),
        ({"n": 2}, "n"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"response_format": []}, "response_format"),
    ],
)
def test_a_wrong_field_is_named(standin, change, param):
    """A 400 in OpenAI's shape, and nothing on the bill."""
    reply = send(standin.url, OPENAI, GOOD | change)
    assert reply.status == 400
    assert (reply.body["error"]["type"], reply.body["error"]["param"]) == ("invalid_request_error", param)
    assert standin.bill()["calls"] == 0


def test_a_messages_request_needs_its_cap(standin):
    """As with the real one."""
    reply = message(standin.url, "hello", max_tokens=None)
    assert reply.status == 400
    assert reply.body["error"]["message"].startswith("max_tokens")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"\xff", b'{"a":' * 2000, b'{"model":"one","messages":[' + b"[" * 900]
)
def test_a_body_that_is_no_request_is_a_400(standin, body):
    """Cut, deep, not UTF-8, or no object."""
    for path in (OPENAI, "/beta/v1/messages"):
        reply = send(standin.url, path, body)
        assert reply.status == 400
        assert reply.body["error"]["message"]


def test_a_body_over_the_limit_is_a_413(standin):
    """Nine MiB are too many; the next call is served."""
    reply = send(standin.url, OPENAI, b'{"a":"' + b"x" * (9 * 2**20) + b'"}')
    assert (reply.status, reply.body["error"]["code"]) == (413, "request_too_large")
    assert chat(standin.url, "hello").status == 200


def test_an_unknown_model_is_a_404_in_each_protocol(standin):
    """Also one that is served over the other protocol, or has no price."""
    reply = chat(standin.url, "hello", model="two")
    assert (reply.status, reply.body["error"]["code"]) == (404, "model_not_found")
    for model in ("one", "unpriced"):
        reply = message(standin.url, "hello", model=model)
        assert (reply.status, reply.body["error"]["type"]) == (404, "not_found_error")


@pytest.mark.parametrize("headers", [{"Authorization": "Bearer sk-bad"}, {"x-api-key": "sk-bad"}])
def test_the_bad_key_is_a_401(standin, headers):
    """Every other key will do, and none."""
    assert chat(standin.url, "hello", headers=headers).status == 401
    assert message(standin.url, "hello", headers=headers).body["error"]["type"] == "authentication_error"


def test_unknown_paths_and_methods_say_what_to_use(standin):
    """404 and 405, never a traceback."""
    assert send(standin.url, "/alpha/v1/completions", GOOD).status == 404
    assert send(standin.url, "/standin/none", b"", method="GET").status == 404
    assert send(standin.url, OPENAI, b"", method="GET").headers["allow"] == "POST"
    assert send(standin.url, "/standin/bill", b"").status == 405


def test_the_figures_count_calls_by_endpoint_and_status(standin):
    """Counts since the start of the process, so differences are looked at."""
    before = standin.stats()
    chat(standin.url, "hello")
    chat(standin.url, "hello", model="none")
    after = standin.stats()
    assert after["calls"] == before["calls"] + 2
    assert after["by_endpoint"]["alpha/one"] == before["by_endpoint"].get("alpha/one", 0) + 1
    assert after["by_status"]["404"] == before["by_status"].get("404", 0) + 1
    assert (after["in_flight"], after["connections"]) == (0, 1)


def test_the_rules_can_be_read(standin):
    """The counting rule, and which faults are billed."""
    rules = send(standin.url, "/standin/rules", b"", method="GET").body
    assert "bytes in UTF-8 / 4" in rules["counting"]["text"]
    assert rules["faults_billed"]["cut_body"] == "yes"
