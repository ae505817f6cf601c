"""What is wrong with an answer."""

from __future__ import annotations

import pytest

from routing.prompt import read_prompt
from routing.verify import Expectation, FlawCode, expectation, verify
from schemas.facts import JobFacts

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "pattern": "^[A-Z]"}, "age": {"type": "integer", "minimum": 0}},
    "required": ["name"],
    "additionalProperties": False,
}


def codes(
    expected: Expectation, text: str, finish: str = "stop", *, refused: bool = False, tools: bool = False
) -> list[str]:
    flaws = verify(expected, text=text, finish_reason=finish, refused=refused, tool_calls=tools)
    assert all(text.strip() not in flaw.says for flaw in flaws if len(text.strip()) > 3)
    return [flaw.code.value for flaw in flaws]


def test_reads_what_to_expect() -> None:
    """The schema comes from the request, labels, pattern and language from the declared facts."""
    body = {
        "messages": [{"role": "user", "content": "Who?"}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "p", "schema": PERSON}},
    }
    facts = JobFacts.model_validate({"labels": "a, b", "pattern": "x+", "language": "de"})
    assert expectation(read_prompt(body), facts) == Expectation(PERSON, True, ("a", "b"), "x+", "de")


@pytest.mark.parametrize(
    ("finish", "refused", "text", "flaws"),
    [
        ("stop", False, "Fine.", []),
        ("", False, "Fine.", []),
        ("length", False, "Fi", ["truncated"]),
        ("content_filter", False, "", ["refusal"]),
        ("stop", True, "No.", ["refusal"]),
        ("stop", False, " \n", ["empty"]),
        ("stop", False, "I'm sorry, but I can't assist with that.", ["refusal"]),
        ("stop", False, "As an AI language model, I cannot help with this request.", ["refusal"]),
        ("stop", False, "I'm unable to help with that request.", ["refusal"]),
        ("stop", False, "抱歉，我无法协助处理。", []),
        ("stop", False, "抱歉,我无法提供此类信息。", ["refusal"]),
        ("stop", False, "I'm sorry, but I can't refund this order; it was used.", []),
        ("stop", False, "I can't help with this order any more, but my colleague can.", []),
    ],
)
def test_endings(finish: str, refused: bool, text: str, flaws: list[str]) -> None:
    """Cut, refused and empty answers are told from plain ones, also where a model declines in words only."""
    assert codes(Expectation(), text, finish, refused=refused) == flaws


def test_tool_calls_need_no_text() -> None:
    """An answer that calls tools isn't empty, whatever was expected of its text."""
    assert codes(Expectation(PERSON, True), "", "tool_calls", tools=True) == []
    assert codes(Expectation(), "", "length", tools=True) == ["truncated"]


@pytest.mark.parametrize(
    ("text", "flaws"),
    [
        ('{"name": "Ada", "age": 36}', []),
        ('\n{"name": "Ada"}\n', []),
        ('```json\n{"name": "Ada"}\n```', ["not_json"]),
        ('{"name": "Ada"', ["not_json"]),
        ('{"name": NaN}', ["not_json"]),
        ("\ud800", ["not_json"]),
        ('{"age": 3}', ["schema"]),
        ('{"name": "ada"}', ["schema"]),
        ('{"name": "Ada", "age": -1}', ["schema"]),
        ('{"name": "Ada", "secret-word": 1}', ["schema"]),
    ],
)
def test_schema(text: str, flaws: list[str]) -> None:
    """An answer must be bare JSON and fit the schema."""
    assert codes(Expectation(PERSON, True), text) == flaws


def test_json_object() -> None:
    """Where just an object was asked for, a list won't do."""
    assert codes(Expectation(None, True), "{}") == []
    assert codes(Expectation(None, True), "[1]") == ["not_json"]


def test_says_where_without_quoting() -> None:
    """The explanation names the schema's place and none of the answer's words."""
    (flaw,) = verify(
        Expectation(PERSON, True),
        text='{"name": "patient Doe"}',
        finish_reason="stop",
        refused=False,
        tool_calls=False,
    )
    assert flaw.says == "the answer breaks pattern at properties/name/pattern of the schema"


@pytest.mark.parametrize("text", ["Billing", " billing.", '"BILLING"', "**billing**", "billing\n", "`Billing`"])
def test_labels_forgive_case_and_marks(text: str) -> None:
    """Quotes, points, stars and case around a label don't matter."""
    assert codes(Expectation(labels=("billing", "no reply")), text) == []


@pytest.mark.parametrize("text", ["Billing, I think", "bill", "The label is billing", "x" * 10_000])
def test_labels_want_the_label_alone(text: str) -> None:
    """Words beside the label make it another answer."""
    assert codes(Expectation(labels=("billing", "no reply")), text) == ["not_a_label"]


def test_labels_made_of_marks() -> None:
    """Labels that are nothing but marks are compared as they are."""
    assert codes(Expectation(labels=("+", "-")), "+ ") == []
    assert codes(Expectation(labels=("+", "-")), "*") == ["not_a_label"]


def test_pattern() -> None:
    """The whole answer must match, white space around it aside."""
    assert codes(Expectation(pattern=r"\d{4}-\d\d"), "2026-11\n") == []
    assert codes(Expectation(pattern=r"\d{4}-\d\d"), "on 2026-11") == ["pattern"]


@pytest.mark.no_cover
def test_a_pattern_that_can_not_be_run_is_a_flaw() -> None:
    """Intake refuses such a pattern; were one to come all the same, the answer may not stand unchecked."""
    assert codes(Expectation(pattern=r"(a)\1"), "aa") == ["pattern"]
    assert codes(Expectation(pattern=r"(a*b?){200}"), "a" * 100_000) == ["pattern"]


ENGLISH = (
    "The report was sent to all of the customers that have an open account, and it will be on the site by Monday. " * 2
)
GERMAN = (
    "Der Bericht wurde an alle Kunden gesendet, die ein offenes Konto haben, und wird am Montag auf der Seite sein. "
    * 2
)
SPANISH = (
    "El informe fue enviado a todos los clientes que tienen una cuenta abierta y estará en la página para el lunes. "
    * 2
)
PORTUGUESE = (
    "O relatório foi enviado a todos os clientes que têm uma conta aberta e não está na página até segunda-feira. " * 2
)
DUTCH = "Het rapport is naar alle klanten gestuurd die een open rekening hebben, en het staat maandag op de site. " * 2
CHINESE = (
    "报告已发送给所有拥有开放账户的客户，并将于星期一之前在网站上发布。请通过 PostgreSQL 的 VACUUM 命令清理数据表。"
)
JAPANESE = "レポートは、口座をお持ちのすべてのお客様に送信され、月曜日までにサイトに掲載されます。"
RUSSIAN = "Отчёт был отправлен всем клиентам, у которых есть открытый счёт, и появится на сайте к понедельнику."
KOREAN = "보고서는 계좌를 가진 모든 고객에게 발송되었으며 월요일까지 사이트에 게시될 것입니다."

TEXTS = {"en": ENGLISH, "de": GERMAN, "es": SPANISH, "pt": PORTUGUESE, "nl": DUTCH, "zh": CHINESE, "ja": JAPANESE}
TEXTS |= {"ru": RUSSIAN, "ko": KOREAN}


@pytest.mark.parametrize("language", TEXTS)
def test_right_language_passes(language: str) -> None:
    """A text in the declared language raises no flaw."""
    assert codes(Expectation(language=language), TEXTS[language]) == []


@pytest.mark.parametrize(
    ("declared", "given"),
    [
        ("en", "zh"), ("en", "de"), ("en", "ru"), ("de", "en"), ("es", "en"), ("fr", "de"), ("it", "en"), ("pt", "en"),
        ("zh", "en"), ("zh", "ja"), ("ja", "zh"), ("ja", "en"), ("ru", "en"), ("ko", "zh"), ("nl", "ru"), ("es", "pt"),
    ],
)  # fmt: skip
def test_wrong_language_is_seen(declared: str, given: str) -> None:
    """Another script, or another language's commonest words, is a flaw."""
    assert codes(Expectation(language=declared), TEXTS[given]) == ["language"]


@pytest.mark.parametrize(
    ("declared", "text"),
    [
        ("de", "OK."),
        ("de", "```python\n" + ENGLISH + "\n```"),
        ("xx", CHINESE),
        ("zh", "SELECT id, name FROM customers WHERE open; 这条语句列出所有未关闭的客户账户。"),
        ("en", ""),
    ],
)
def test_language_is_silent_when_unsure(declared: str, text: str) -> None:
    """Short texts, code, near relations and unknown languages raise no alarm."""
    assert FlawCode.LANGUAGE.value not in codes(Expectation(language=declared), text)


def test_language_only_where_declared() -> None:
    """Nothing is said of the language where the job declares none, or a label or JSON is the answer."""
    assert codes(Expectation(), CHINESE) == []
    assert codes(Expectation(None, True, language="de"), '{"a": "' + ENGLISH + '"}') == []
