"""Whether a cheap model's answer may stand: what the job lets us expect, and what is wrong with the answer.

Pure. Each check is one that a machine can decide; whether the answer is *right* is not among them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from routing.answer_language import wrong_language
from routing.prompt import Prompt
from routing.schema_conformance import schema_flaw
from schemas.facts import JobFacts
from schemas.linear_pattern import TooLongError, UnsupportedPatternError, linear_pattern

#: An answer longer than this, in characters, isn't parsed.
MAX_CHECKED = 8 * 1024 * 1024


class FlawCode(StrEnum):
    TRUNCATED = "truncated"
    REFUSAL = "refusal"
    EMPTY = "empty"
    NOT_JSON = "not_json"
    SCHEMA = "schema"
    NOT_A_LABEL = "not_a_label"
    PATTERN = "pattern"
    LANGUAGE = "language"


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing wrong with an answer. ``says`` is in words of its own: it quotes neither the answer nor the job."""

    code: FlawCode
    says: str


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a job lets us expect of the text of its answer. Empty fields expect nothing."""

    json_schema: Mapping[str, Any] | None = None
    json_object: bool = False
    labels: tuple[str, ...] = ()
    pattern: str | None = None
    language: str | None = None


def expectation(prompt: Prompt, facts: JobFacts) -> Expectation:
    """What the request asks for (JSON) and its producer declares (labels, pattern, language).

    The language is expected only where it is declared: an answer in another language or script than the question is
    as often what was asked for (translation, code, quotation) as a slip, and a false alarm costs an escalation.
    """
    return Expectation(prompt.json_schema, prompt.json_object, facts.labels, facts.pattern, facts.language)


def verify(
    expected: Expectation, *, text: str, finish_reason: str, refused: bool, tool_calls: bool
) -> tuple[Flaw, ...]:
    """What is wrong with an answer, worst first; nothing where it may stand.

    ``finish_reason`` is in OpenAI's words. A refusal, a cut answer and an empty one are reported alone, since what
    else they lack follows from it. An answer that calls tools has no text to check.
    """
    if refused or finish_reason == "content_filter" or (not tool_calls and _declines(text)):
        return (Flaw(FlawCode.REFUSAL, "the model or its provider declined to answer"),)
    if finish_reason == "length":
        return (Flaw(FlawCode.TRUNCATED, "the answer was cut off at its length limit"),)
    if tool_calls:
        return ()
    if not text.strip():
        return (Flaw(FlawCode.EMPTY, "the answer is empty"),)
    if expected.json_object or expected.json_schema is not None:
        # the schema says more than labels could, and the keys' language says nothing
        flaws = [_json_flaw(expected, text), _pattern_flaw(expected, text)]
    else:
        flaws = [_label_flaw(expected, text), _pattern_flaw(expected, text), _language_flaw(expected, text)]
    return tuple(flaw for flaw in flaws if flaw is not None)


def _json_flaw(expected: Expectation, text: str) -> Flaw | None:
    if len(text) > MAX_CHECKED:
        return Flaw(FlawCode.NOT_JSON, f"the answer has more than {MAX_CHECKED} characters, too long to check as JSON")
    try:
        value = orjson.loads(text)
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        return Flaw(FlawCode.NOT_JSON, "the answer is not JSON")
    if expected.json_schema is not None:
        problem = schema_flaw(expected.json_schema, value)
        return None if problem is None else Flaw(FlawCode.SCHEMA, problem)
    if not isinstance(value, dict):
        return Flaw(FlawCode.NOT_JSON, "the answer is JSON but no object, as was asked for")
    return None


def _label_flaw(expected: Expectation, text: str) -> Flaw | None:
    if not expected.labels or len(text) > 4096:
        return Flaw(FlawCode.NOT_A_LABEL, "the answer is none of the labels") if expected.labels else None
    if text.strip().casefold() in {label.strip().casefold() for label in expected.labels}:
        return None
    bare = _bare(text)
    if bare and bare in {_bare(label) for label in expected.labels}:
        return None
    return Flaw(FlawCode.NOT_A_LABEL, "the answer is none of the labels")


def _bare(text: str) -> str:
    """``text`` casefolded, in one form, without the quotes, points and marks around it."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    start, end = 0, len(folded)
    while start < end and unicodedata.category(folded[start])[0] in "PSZC":
        start += 1
    while end > start and unicodedata.category(folded[end - 1])[0] in "PSZC":
        end -= 1
    return " ".join(folded[start:end].split())


def _pattern_flaw(expected: Expectation, text: str) -> Flaw | None:
    if expected.pattern is None:
        return None
    try:
        # a line end after the answer is no part of it
        if linear_pattern(expected.pattern).fullmatch(text.strip()):
            return None
    except TooLongError:
        return Flaw(FlawCode.PATTERN, "the answer is too long to check against the pattern")
    except UnsupportedPatternError:
        return Flaw(FlawCode.PATTERN, "the pattern can't be used")
    return Flaw(FlawCode.PATTERN, "the answer does not match the pattern")


def _language_flaw(expected: Expectation, text: str) -> Flaw | None:
    # a label or a pattern says more about a text than its language does
    if expected.language is None or expected.labels or expected.pattern is not None:
        return None
    if wrong_language(text, expected.language):
        return Flaw(FlawCode.LANGUAGE, f"the answer is not in the language declared ({expected.language})")
    return None


# Short answers that begin by declining to help, as open-weight models word it with finish reason "stop". Narrow on
# purpose: "I'm sorry, but I can't refund this order" may be the very letter that was asked for.
_SORRY = r"(?:(?:(?:i['’]?m|i am|we['’]?re) (?:very |really |so )?)?sorry|i apologi[sz]e|unfortunately)"
_AS_AN_AI = r"(?:as an ai(?: language)?(?: model| assistant)?, ?)?"
_UNABLE = (
    r"(?:(?:i|we) (?:can['’]?t|cannot|can not|won['’]?t|will not|am not able to|am unable to|must decline to)"
    r"|i['’]?m (?:not able|unable) to)"
)
_THAT = (
    r"(?:(?:that|this)(?:[.,;:!]|$)"
    r"|(?:that|this|the|your|such)(?: a)?(?: kind of| type of)? (?:request|prompt|topic|task)\b)"
)
_ENGLISH = (
    rf"(?:{_SORRY}[,.!:;]? ?)?(?:but )?{_AS_AN_AI}{_UNABLE}"
    rf" (?:assist|help|comply|engage|fulfil+|continue)(?: you)?(?: with)? {_THAT}"
)
_DECLINES = re.compile(
    "|".join(
        (
            _ENGLISH,
            r"(?:很?抱歉|对不起)?[,,。]? ?我(?:无法|不能)(?:提供|协助|回答|满足|帮助|处理)(?:你|您)?的?(?:这|此|该)",
            r"lo siento, (?:pero )?no puedo (?:ayudar|cumplir|asistir)",
            r"je suis désolée?, (?:mais )?je ne peux pas (?:(?:vous |t['’])aider|répondre à cette)",
            r"(?:es )?tut mir leid, (?:aber )?(?:dabei )?(?:ich )?kann (?:ich )?(?:dabei )?nicht helfen",
            r"desculpe, (?:mas )?não posso (?:ajudar|atender)",
            r"mi dispiace, (?:ma )?non posso (?:aiutar|soddisfare)",
        )
    ),
    re.IGNORECASE,
)


def _declines(text: str) -> bool:
    return len(text) <= 400 and _DECLINES.match(" ".join(text.split())) is not None
