"""Whether a text is in the language that a job declared, judged by script and by the commonest words.

Offline and coarse on purpose: it has to tell a wrong language, not name the right one, and a false alarm costs an
escalation. It keeps silent about short texts, code and languages it has no means for.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import lru_cache

_HAN, _KANA, _HANGUL, _LATIN = "han", "kana", "hangul", "latin"

_SCRIPTS = (
    ("CJK UNIFIED", _HAN),
    ("CJK COMPAT", _HAN),
    ("HIRAGANA", _KANA),
    ("KATAKANA", _KANA),
    ("HANGUL", _HANGUL),
    ("LATIN", _LATIN),
    ("CYRILLIC", "cyrillic"),
    ("ARABIC", "arabic"),
    ("DEVANAGARI", "devanagari"),
    ("GREEK", "greek"),
    ("HEBREW", "hebrew"),
    ("THAI", "thai"),
)

_LATIN_LANGUAGES = frozenset(
    re.findall(r"\w+", "en es de fr pt it nl pl sv da no nb fi cs sk sl hr ro hu tr vi id ms et lv lt ca eu gl ga is")
)
_OF_SCRIPT = {
    "han": ("zh",),
    "hangul": ("ko",),
    "cyrillic": ("ru", "uk", "be", "bg", "mk", "kk", "ky", "mn"),
    "arabic": ("ar", "fa", "ur", "ps"),
    "devanagari": ("hi", "mr", "ne"),
    "greek": ("el",),
    "hebrew": ("he", "yi"),
    "thai": ("th",),
}
_EXPECTED = {language: script for script, languages in _OF_SCRIPT.items() for language in languages}
_EXPECTED |= dict.fromkeys(_LATIN_LANGUAGES, _LATIN) | {"ja": _KANA}

# One sign of these says about as much as three letters.
_DENSE = frozenset({_HAN, _KANA, _HANGUL})
_MIN_WEIGHT = 60
_MIN_WORDS = 25

_COMMON = {
    "en": "the of and to in is that for it with as was on are be this by at from have not or you an which they we can "
    "will their has but your there were all been when who more if would",
    "es": "de la que el en y los del se las por un para con una su al lo como más pero sus le ya este sí porque esta "
    "entre cuando muy sin sobre también me hasta hay donde es está son puede",
    "de": "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an werden aus er "
    "hat dass sie nach wird bei einer um am sind noch wie einem über ihre ich",
    "fr": "de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se ce il sont la avec son "
    "être cette ou aux mais nous vous ses comme leur ont été peut",
    "pt": "de a o que e do da em um para é com não uma os no se na por mais as dos como mas foi ao ele das tem à seu "
    "sua ou ser quando muito há nos já está também pelo são você pode",
    "it": "di e il la che in a per è un del non con le si da una i dei al come nel sono più ha alla della anche gli "
    "ma lo se delle questo su o essere ci cui nella può loro dal quando",
}
_PROFILES = {language: frozenset(words.split()) for language, words in _COMMON.items()}

_NOT_PROSE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`|https?://\S+", re.DOTALL)
_WORD = re.compile(r"[^\W\d_]+")
_READ_AT_MOST = 20_000


def wrong_language(text: str, declared: str) -> bool:
    """Whether ``text`` is clearly not in the language ``declared`` (ISO 639-1). ``False`` where that isn't clear."""
    expected = _EXPECTED.get(declared)
    if expected is None:
        return False
    prose = _NOT_PROSE.sub(" ", text[:_READ_AT_MOST])
    weights = _script_weights(prose)
    total = sum(weights.values())
    if total < _MIN_WEIGHT:
        return False
    if declared == "ja":
        # Japanese has kana in every sentence; Han alone is Chinese
        return weights[_KANA] < 0.05 * total
    if declared == "zh" and weights[_KANA] > 0.25 * total:
        return True
    # names, terms and code are Latin in every language, so much of that is allowed beside another script
    if weights[expected] < (0.5 if expected == _LATIN else 0.15) * total:
        return True
    return expected == _LATIN and _other_words(prose, declared)


def _script_weights(text: str) -> Counter[str]:
    weights: Counter[str] = Counter()
    for char, times in Counter(text).items():
        script = _script(char)
        if script:
            weights[script] += times * (3 if script in _DENSE else 1)
    return weights


@lru_cache(maxsize=8192)
def _script(char: str) -> str:
    """The script of a letter, ``other`` for one not listed, empty for what is no letter."""
    if not char.isalpha():
        return ""
    name = unicodedata.name(char, "")
    return next((script for prefix, script in _SCRIPTS if name.startswith(prefix)), "other")


def _other_words(text: str, declared: str) -> bool:
    """Whether the commonest words are those of another language and hardly those of the one declared."""
    if declared not in _PROFILES:
        return False
    words = [word.lower() for word in _WORD.findall(text)]
    if len(words) < _MIN_WORDS:
        return False
    share = {language: sum(word in profile for word in words) / len(words) for language, profile in _PROFILES.items()}
    best = max(share.values())
    return best > 0.2 and share[declared] < 0.5 * best and share[declared] < 0.15
