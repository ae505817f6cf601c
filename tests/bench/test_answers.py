"""Answers over both protocols: their shapes, and that the request alone decides what they say."""

import json

import jsonschema
import pytest

from bench.standin.instances import SchemaTooLargeError, instance
from bench.standin.process import StandIn
from tests.bench.calling import MONDAY_NOON, PRICES, chat, message, send

SCHEMA = {
    "type": "object",
    "$defs": {
        "node": {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}}}
    },
    "properties": {
        "kind": {"enum": ["invoice", "receipt"]},
        "total": {"type": "number", "minimum": 10, "exclusiveMaximum": 11.5},
        "share": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        "pages": {"type": "integer", "minimum": 3, "multipleOf": 3},
        "tags": {"type": "array", "items": {"type": "string", "minLength": 4, "maxLength": 6}, "minItems": 3},
        "pair": {
            "type": "array",
            "prefixItems": [{"type": "boolean"}, {"type": "null"}],
            "items": False,
            "minItems": 2,
        },
        "due": {"type": ["string", "null"], "format": "date"},
        "either": {"oneOf": [{"const": "a"}, {"type": "integer"}]},
        "both": {"allOf": [{"required": ["x"]}, {"type": "object", "properties": {"x": {"type": "boolean"}}}]},
        "tree": {"$ref": "#/$defs/node"},
    },
    "required": ["kind", "total", "share", "pages", "tags", "pair", "due", "either", "both", "tree"],
    "additionalProperties": False,
}


def test_the_same_request_gets_the_same_answer_in_another_process(standin):
    """Nothing but the model and the messages decides what is said, and to change a word changes it."""
    with StandIn.start(prices=PRICES, now=MONDAY_NOON) as other:
        assert chat(standin.url, "hello").raw == chat(other.url, "hello").raw
        assert message(standin.url, "hello").raw == message(other.url, "hello").raw
    assert len({chat(standin.url, f"question {number}").text for number in range(20)}) > 10


def test_an_openai_answer_has_the_shape_of_the_protocol(standin):
    """Every field that a client reads is there, and the text says whose it is."""
    reply = chat(standin.url, "hello")
    body = reply.body
    assert body["object"] == "chat.completion"
    assert (body["model"], body["created"]) == ("one", 1795435200)
    assert body["id"].startswith("chatcmpl-")
    (choice,) = body["choices"]
    assert (choice["index"], choice["finish_reason"]) == (0, "stop")
    assert choice["message"]["role"] == "assistant"
    assert choice["message"]["content"].startswith("[stand-in] ")
    assert reply.headers["x-request-id"].startswith("standin-")
    assert (
        send(
            standin.url, "/alpha/chat/completions", {"model": "one", "messages": [{"role": "user", "content": "hello"}]}
        ).raw
        == reply.raw
    )


def test_an_anthropic_answer_has_the_shape_of_the_protocol(standin):
    """The content is a list of blocks; usage and the stop reason are in the protocol's own words."""
    reply = message(standin.url, "hello")
    body = reply.body
    assert (body["type"], body["role"], body["model"], body["stop_reason"]) == (
        "message",
        "assistant",
        "two",
        "end_turn",
    )
    assert body["content"][0]["type"] == "text"
    assert body["content"][0]["text"].startswith("[stand-in] ")
    assert body["usage"]["input_tokens"] == 6
    assert reply.headers["request-id"].startswith("standin-")


@pytest.mark.parametrize("cap", ["max_tokens", "max_completion_tokens"])
def test_a_cap_cuts_the_answer_and_says_so(standin, cap):
    """Five tokens are twenty bytes at most, in whole characters."""
    body = chat(standin.url, "这是一个很长的问题,请用中文回答", **{cap: 5}).body
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["usage"]["completion_tokens"] == 5
    assert message(standin.url, "hello", max_tokens=5).body["stop_reason"] == "max_tokens"


def test_prose_is_drawn_to_fit_its_cap(standin):
    """A hundred tokens are room for a few sentences, and the answer ends by itself."""
    replies = [chat(standin.url, f"question {number}", max_tokens=100).body for number in range(20)]
    assert {body["choices"][0]["finish_reason"] for body in replies} == {"stop"}
    assert len({body["usage"]["completion_tokens"] for body in replies}) > 5


def test_reasoning_is_part_of_the_output(standin):
    """Low effort is 32 tokens more, and a cap of 32 leaves no room for an answer."""
    plain = chat(standin.url, "hello").body["usage"]["completion_tokens"]
    used = chat(standin.url, "hello", reasoning_effort="low").body["usage"]
    assert used["completion_tokens"] == plain + 32
    assert used["completion_tokens_details"]["reasoning_tokens"] == 32
    capped = chat(standin.url, "hello", reasoning_effort="high", max_completion_tokens=32).body
    assert (capped["choices"][0]["message"]["content"], capped["choices"][0]["finish_reason"]) == ("", "length")
    assert capped["usage"]["completion_tokens"] == 32


def test_a_json_schema_gets_an_instance_of_it(standin):
    """Over both protocols, for many requests."""
    for number in range(10):
        openai = {"type": "json_schema", "json_schema": {"name": "s", "schema": SCHEMA}}
        anthropic = {"format": {"type": "json_schema", "schema": SCHEMA}}
        for reply in (
            chat(standin.url, f"case {number}", response_format=openai),
            message(standin.url, f"case {number}", output_config=anthropic, max_tokens=2000),
        ):
            jsonschema.validate(json.loads(reply.text), SCHEMA)


def test_a_schema_without_small_instances_is_refused(standin):
    """Neither a million items nor an endless recursion takes the process down."""
    endless = {
        "$defs": {"n": {"type": "object", "properties": {"n": {"$ref": "#/$defs/n"}}, "required": ["n"]}},
        "$ref": "#/$defs/n",
    }
    for schema in ({"type": "array", "minItems": 1_000_000}, endless, {"type": "string", "minLength": 10**9}):
        with pytest.raises(SchemaTooLargeError):
            instance(schema, 1)
        form = {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}
        assert chat(standin.url, "hello", response_format=form).status == 400
    assert instance({"$ref": "#"}, 1) == instance({"$ref": "#"}, 1)


def test_a_json_object_and_a_forced_tool_get_json(standin):
    """A JSON object is one; a forced tool is called with arguments that fit its schema."""
    assert json.loads(chat(standin.url, "hello", response_format={"type": "json_object"}).text)["standin"] is True
    tools = [{"type": "function", "function": {"name": "file_it", "parameters": SCHEMA}}]
    choice = chat(standin.url, "hello", tools=tools, tool_choice="required").body["choices"][0]
    call = choice["message"]["tool_calls"][0]["function"]
    assert (choice["finish_reason"], call["name"]) == ("tool_calls", "file_it")
    jsonschema.validate(json.loads(call["arguments"]), SCHEMA)
    tool = {"name": "file_it", "input_schema": SCHEMA}
    body = message(standin.url, "hello", tools=[tool], tool_choice={"type": "any"}, max_tokens=2000).body
    assert body["stop_reason"] == "tool_use"
    jsonschema.validate(body["content"][0]["input"], SCHEMA)


@pytest.mark.parametrize(
    "ask",
    [
        "Where is my card?\nAnswer with one of: lost_card, late_card, refund",
        "Answer with exactly one of these labels: 'lost_card', 'late_card' or 'refund'. Say nothing else.",
        "Reply with one of [lost_card, late_card, refund] for this message: where is it?",
        "Tag the message. Answer with the label alone, exactly as it is written here: lost_card, late_card, refund.",
        "Pick one of the following:\n- lost_card\n- late_card\n- refund\n",
    ],
)
def test_labels_in_the_request_are_answered_with_one_of_them(standin, ask):
    """However they are listed, and in the system text too."""
    assert chat(standin.url, ask).text in {"lost_card", "late_card", "refund"}
    assert message(standin.url, "Where is it?", system=ask).text in {"lost_card", "late_card", "refund"}


@pytest.mark.parametrize(
    "ask",
    [
        "Tell me about one of the oldest railways, its stations, and its end.",
        "If the customer sent one of them, add this sentence: Don't send numbers, or codes by e-mail.",
    ],
)
def test_prose_with_one_of_in_it_lists_no_labels(standin, ask):
    """A phrase is no list."""
    assert chat(standin.url, ask).text.startswith("[stand-in] ")


@pytest.mark.parametrize(
    ("ask", "letters"),
    [
        ("请问这份合同的第三条是什么意思?", "替身"),
        ("この契約書の第三条は何を意味しますか。", "代役"),
        ("이 계약서의 세 번째 조항은 무슨 뜻입니까?", "서버"),
        ("ما معنى البند الثالث في هذا العقد؟", "النص"),
        ("इस अनुबंध की तीसरी धारा का क्या अर्थ है?", "पाठ"),
        ("Что означает третий пункт этого договора?", "текст"),
        ("¿Qué dice el contrato para los clientes que no pagan con tarjeta y cómo se aplica?", "respuesta"),
        ("Wie ist der Vertrag mit dem Kunden zu lesen und was wird nicht gesagt?", "Antwort"),
        ("Please answer in French: what does the contract say?", "réponse"),
    ],
)
def test_prose_is_in_the_language_of_the_request(standin, ask, letters):
    """Long answers hold a word of the stock sentences of that language."""
    said = "".join(chat(standin.url, f"{ask} {number}").text for number in range(8))
    assert letters.lower() in said.lower()


def test_messages_of_every_kind_are_counted(standin):
    """Parts of one message are joined by a line feed; an image is 256 tokens; each message is 4 more."""
    parts = [{"type": "text", "text": "abc"}, {"type": "image_url", "image_url": {"url": "data:,"}}]
    body = {"model": "one", "messages": [{"role": "system", "content": "abcd"}, {"role": "user", "content": parts}]}
    assert send(standin.url, "/alpha/v1/chat/completions", body).body["usage"]["prompt_tokens"] == (1 + 4) + (257 + 4)
