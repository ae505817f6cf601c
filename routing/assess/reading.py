"""Read a prompt the way a person skims it: what is asked, what is given, and which sentences are questions.

Where text is long, the ask is looked for at the head and the tail of each turn; terms are counted over all of it,
up to a limit beyond which only head and tail are read (``Reading.unread`` then tells how much was passed over).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from routing.assess.folding import Folded, flatten, fold
from routing.prompt import Prompt

#: Characters of a prompt that are read at all; of a longer one, half from its head and half from its tail.
READ_AT_MOST = 200_000
_TURN_HEAD, _TURN_TAIL = 3_000, 2_000
_TURNS_ASKED = 8
_SENTENCES = 40

_SENTENCE = re.compile(r"[^.?!;。？！；؟।]{1,2000}[.?!;。？！；؟।]?")
_QUOTED = re.compile(
    r'"[^"]{2,3000}"|“[^”]{2,3000}”|«[^»]{2,3000}»'
    r"|「[^」]{2,3000}」|```.{2,3000}?```|<<.{2,3000}?>>"
    r"|(?<=[\s:,])'.{10,600}?'(?=[\s.,;]|$)"
)
_LABELLED = re.compile(
    r"(?:^|[\s.?!:\])])(?:text|tickets?|reviews?|messages?|e-?mails?|headlines?|tweets?|comments?|inputs?|sentences?"
    r"|subject|posts?|feedback|utterances?|notes?|title|article|passage|query|customer|caller|body|row|record|chat"
    r"|texto|mensaje|resena|comentario|nachricht|bewertung|kommentar|avis|commentaire|mensagem|avaliacao|comentario"
    r"|文本|评论|留言|工单|消息|邮件|テキスト|レビュー|メッセージ|コメント|النص|رساله|تعليق|संदेश|समीक्षा|टिप्पणी)"
    r"(?: #?\d{1,6})?\s?[:：=]"
)
_ADDED = re.compile(
    r"(?:^\s{0,9}|[.?!;,。？！；，]\s{0,3})"
    r"(?:also|additionally|and then|then|finally|afterwards|besides|furthermore|plus|ps|p\.s|"
    r"by the way|btw|one more|after that|además|ademas|tambien|ausserdem|zusatzlich|aussi|de plus|ensuite|alem disso|"
    r"tambem|另外|此外|还有|然后|また|さらに|それから|ايضا|بالاضافه|इसके अलावा|साथ ही)"
)
# Names such as ``card_arrival``: labels, fields and variables, which ask nothing.
_IDENTIFIER = re.compile(r"\b[^\W_]+(?:_[^\W_]+)+\b")
_OPTION = re.compile(r"(?:^|[\s\n])\(?([a-j])[.)]\s")


@dataclass(frozen=True, slots=True)
class Reading:
    """The parts of a prompt, folded.

    ``whole`` is all that was read. ``asked`` is where an ask may stand (system, head and tail of the user's turns),
    ``outside`` is the same without what is quoted or labelled as data, ``system`` the system messages alone.
    ``sentences`` are those of ``outside`` (not yet folded), each with whether it ends in a question mark.
    ``options`` tells of lettered answers to choose from. ``length`` and ``unread`` are in characters.
    """

    whole: Folded
    system: Folded
    asked: Folded
    outside: Folded
    sentences: tuple[tuple[str, bool], ...]
    options: bool
    length: int
    unread: int


def read(prompt: Prompt) -> Reading:
    """Fold a prompt's parts."""
    text = prompt.text
    kept = _ends(text, READ_AT_MOST // 2, READ_AT_MOST // 2)
    system = _IDENTIFIER.sub(" ", flatten(_ends(prompt.system, 6_000, 2_000)))
    users = [text for role, text in prompt.turns if role == "user"]
    turns = [flatten(_ends(text, _TURN_HEAD, _TURN_TAIL)) for text in users[-_TURNS_ASKED:]]
    asked = [system, *turns]
    outside = [_outside(part) for part in asked]
    sentences: list[tuple[str, bool]] = []
    for part in outside:
        found = [s for s in _SENTENCE.findall(part) if not s.isspace()]
        if len(found) > _SENTENCES:
            found = found[: _SENTENCES // 2] + found[-_SENTENCES // 2 :]
        sentences += [(s, s[-1] in "?؟") for s in found]
    asked_flat, outside_flat = " . ".join(asked), " . ".join(outside)
    asked_fold = fold(asked_flat)
    short = len(text) <= _TURN_HEAD and len(prompt.turns) == 1
    return Reading(
        whole=asked_fold if short else fold(flatten(kept)),
        system=fold(system),
        asked=asked_fold,
        outside=asked_fold if outside_flat == asked_flat else fold(outside_flat),
        sentences=tuple(sentences),
        options=any(_has_options(turn) for turn in turns),
        length=len(text),
        unread=max(0, len(text) - READ_AT_MOST),
    )


def _ends(text: str, head: int, tail: int) -> str:
    return text if len(text) <= head + tail else text[:head] + " . " + text[-tail:]


def _outside(flat: str) -> str:
    """A turn without what is quoted, and without what follows a label such as ``ticket:``, save added requests."""
    bare = _QUOTED.sub(" ", flat)
    label = _LABELLED.search(bare)
    if not label:
        return bare
    data = bare[label.end() :]
    added = _ADDED.search(data)
    return bare[: label.end()] + (" . " + data[added.start() :] if added else "")


def _has_options(flat: str) -> bool:
    """Whether lettered answers a, b, c follow one another."""
    wanted = "a"
    for letter in _OPTION.findall(flat):
        if letter == wanted:
            wanted = chr(ord(wanted) + 1)
            if wanted == "d":
                return True
    return False
