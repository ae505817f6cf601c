"""Which data class a text belongs to: secrets, facts about a person's health and the like, personal data, or none.

Patterns only; names without any marker are not recognised. Every quantifier is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from routing.assess.folding import Folded
from routing.assessment import Reason
from schemas.vocabulary import DataClass, Domain


@dataclass(frozen=True, slots=True)
class _Sign:
    code: str
    data_class: DataClass
    says: str
    pattern: re.Pattern[str]
    holds: Callable[[str], bool] = lambda _: True
    # Some character sequence that every match contains, to pass over most texts at once.
    needs: tuple[str, ...] = ()


def _luhn(text: str) -> bool:
    digits = [int(c) for c in text if c.isdigit()]
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1:
        return False
    doubled = [d if i % 2 == 0 else (d * 2 - 9 if d > 4 else d * 2) for i, d in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0


def _iban(text: str) -> bool:
    bare = re.sub(r"\s", "", text).upper()
    if not 15 <= len(bare) <= 34:
        return False
    turned = bare[4:] + bare[:4]
    return int("".join(str(int(c, 36)) for c in turned)) % 97 == 1


def _phone(text: str) -> bool:
    return 8 <= sum(c.isdigit() for c in text) <= 15


def _chinese_id(text: str) -> bool:
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return "10X98765432"[sum(int(c) * w for c, w in zip(text[:17], weights, strict=True)) % 11] == text[17].upper()


def _sign(
    code: str,
    data_class: DataClass,
    says: str,
    pattern: str,
    *,
    holds: Callable[[str], bool] = lambda _: True,
    needs: tuple[str, ...] = (),
) -> _Sign:
    return _Sign(code, data_class, f"holds {says}", re.compile(pattern, re.IGNORECASE), holds, needs)


_S, _P = DataClass.SECRET, DataClass.PERSONAL
_SIGNS = (
    _sign("data.private_key", _S, "a private key", r"-----BEGIN (?:[A-Z]{2,12} ){0,3}PRIVATE KEY", needs=("-----",)),
    _sign(
        "data.api_key",
        _S,
        "an access key of a known make",
        r"\b(?:sk-[\w-]{16,200}|AKIA[0-9A-Z]{16}|gh[pousr]_\w{30,100}|xox[abprs]-[\w-]{10,100}|AIza[\w-]{30,50}"
        r"|glpat-[\w-]{16,64}|hf_\w{20,60}|sk_live_\w{16,64})",
        needs=("sk-", "akia", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "xox", "aiza", "glpat", "hf_", "sk_"),
    ),
    _sign("data.bearer", _S, "a signed token", r"\beyJ[\w-]{8,2000}\.[\w-]{8,4000}\.[\w-]{8,1000}", needs=("eyj",)),
    _sign(
        "data.password",
        _S,
        "a password or secret with its value",
        r"(?:password|passwd|passwort|passphrase|contraseña|mot de passe|senha|密码|パスワード|كلمة المرور|पासवर्ड"
        r"|api[_ -]?key|secret[_ -]?key|client[_ -]?secret|access[_ -]?token|secret)"
        r"\s{0,3}(?:[:=：]|is\b|es\b|ist\b|是|は)\s{0,3}[\"']?(?=[^\s\"']{0,63}[\d!@#$%^&*_])[^\s\"',]{6,64}",
        needs=("pass", "contras", "senha", "密", "パス", "كلمة", "पास", "key", "secret", "token"),
    ),
    _sign(
        "data.connection",
        _S,
        "an address with its password inside",
        r"\b[a-z][a-z0-9+]{2,15}://[^\s:/@]{1,64}:[^\s@/]{3,64}@",
        needs=("://",),
    ),
    _sign("data.email", _P, "an e-mail address", r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{2,24}){1,4}", needs=("@",)),
    _sign("data.iban", _P, "a bank account number (IBAN)", r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{2,4}){3,8}\b", holds=_iban),
    _sign("data.card", _P, "a payment card number", r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)", holds=_luhn),
    _sign("data.us_ssn", _P, "a US social security number", r"\b(?!000|666|9\d\d)\d{3}[- ]\d{2}[- ]\d{4}\b"),
    _sign(
        "data.uk_nino",
        _P,
        "a UK national insurance number",
        r"\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b",
    ),
    _sign("data.cn_id", _P, "a Chinese identity number", r"(?<!\d)[1-9]\d{16}[\dX](?!\d)", holds=_chinese_id),
    _sign("data.br_cpf", _P, "a Brazilian CPF", r"(?<!\d)\d{3}\.\d{3}\.\d{3}-\d{2}(?!\d)"),
    _sign("data.es_dni", _P, "a Spanish DNI or NIE", r"\b(?:\d{8}|[XYZ]\d{7})-?[TRWAGMYFPDXBNJZSQVHLCKE]\b"),
    _sign("data.fr_nir", _P, "a French NIR", r"\b[12] ?\d{2} ?(?:0[1-9]|1[0-2]) ?\d{2} ?\d{3} ?\d{3} ?\d{2}\b"),
    _sign(
        "data.in_aadhaar",
        _P,
        "an Indian Aadhaar number",
        r"(?:aadhaar|aadhar|आधार)[^\d]{0,30}\d{4} ?\d{4} ?\d{4}\b",
        needs=("aadha", "आधार"),
    ),
    _sign(
        "data.passport",
        _P,
        "a passport or licence number",
        r"(?:passport|driver'?s? licen[cs]e|pasaporte|reisepass|passeport|passaporte|护照|パスポート)"
        r"[^\d\n]{0,25}[A-Z]{0,3}\d{5,10}\b",
        needs=("pass", "licen", "pasap", "护照", "パス"),
    ),
    _sign(
        "data.phone",
        _P,
        "a telephone number",
        r"(?<![\w.])(?:\+\d{1,3}[ .()-]{0,3}(?:\d[ .()-]{0,2}){6,13}|\(\d{2,5}\)[ -]?\d{3,4}[ -]?\d{3,5}"
        r"|0\d{1,4}[ ./-]\d{2,4}(?:[ .-]?\d{2,4}){1,4}|\d{3}[ .-]\d{3}[ .-]\d{4}|1[3-9]\d{9})(?![\w])",
        holds=_phone,
    ),
    _sign(
        "data.birth",
        _P,
        "a date of birth",
        r"(?:date of birth|d\.?o\.?b\.?|born(?: on)?|nacid[oa]|nacimiento|geboren|geburtsdatum|née? le|nascid[oa]"
        r"|nascimento|出生|生年月日|تاريخ الميلاد|जन्म)[^\d\n]{0,20}"
        r"(?:\d{1,4}[./ 年-]{1,2}(?:\d{1,2}|[a-zé]{3,10})[./ 月-]{1,2}\d{2,4}"
        r"|[a-z]{3,10} \d{1,2},? \d{4})",
        needs=("birth", "dob", "d.o", "born", "nac", "gebor", "gebur", "né", "nasc", "出生", "生年", "ميلاد", "जन्म"),
    ),
    _sign(
        "data.address",
        _P,
        "a postal address",
        r"\b\d{1,5}[a-z]?,? (?:[\w.'-]{1,30} ){1,4}"
        r"(?:street|st|avenue|ave|road|rd|lane|ln|drive|dr|boulevard|blvd|court|way|place)\b",
    ),
    _sign(
        "data.address",
        _P,
        "a postal address",
        r"\b(?:calle|rue|rua|avenida|via|plaza|avenue de) (?:[\w.'-]{1,30} ){0,4}[\w.'-]{1,30},? "
        r"(?:n[ºo°.]{0,2} ?)?\d{1,5}\b"
        r"|\b\d{1,4},? (?:rue|avenue|boulevard|rua|calle) [\w'-]{2,30}",
        needs=("calle ", "rue ", "rua ", "avenida ", "via ", "plaza ", "avenue ", "boulevard "),
    ),
    _sign(
        "data.address",
        _P,
        "a postal address",
        r"(?:straße|strasse|str\.|gasse|weg|platz) \d{1,4}\b",
        needs=("straße ", "strasse ", "str. ", "gasse ", "weg ", "platz "),
    ),
    _sign("data.address", _P, "a postal address", r"[\u4e00-\u9fff](?:路|街|巷)\d{1,5}号", needs=("号",)),
    _sign(
        "data.account",
        _P,
        "a number that stands for a person",
        r"\b(?:account|customer|patient|member|employee|policy|case|mrn|nhs)(?: (?:id|no|number|nr))?\.?"
        r"\s{0,2}[:#]\s{0,2}[A-Z]{0,4}[- ]?\d{4,14}\b",
        needs=("account", "customer", "patient", "member", "employee", "policy", "case", "mrn", "nhs"),
    ),
    _Sign(
        "data.named",
        _P,
        "holds a person named with a title",
        re.compile(
            r"\b(?:Mr|Mrs|Ms|Dr|Herrn?|Frau|Señora?|Sra?|Mme|Monsieur|Madame|Dona|MR|MRS|MS|DR)\.? "
            r"[A-ZÀ-Þ][\w'’-]{1,30}"
        ),
    ),
    _Sign(
        "data.named",
        _P,
        "holds a person named in a field",
        re.compile(
            r"\b(?:[Nn]ame|[Nn]ombre|[Nn]om|[Nn]ome|[Pp]atient|[Cc]ustomer|[Cc]lient|[Aa]pplicant|姓名|氏名)\s{0,2}[:：]\s{0,2}"
            r"(?:[A-ZÀ-Þ][\w'’-]{1,30} [A-ZÀ-Þ][\w'’-]{1,30}|[\u4e00-\u9fff]{2,4})"
        ),
    ),
    _sign(
        "data.named",
        _P,
        "a person who gives their name",
        r"\b(?:my name is|i am called|me llamo|ich hei(?:ß|ss)e|je m'appelle|meu nome é|mein name ist) "
        r"(?-i:[A-ZÀ-Þ])\w{1,30}|我叫[\u4e00-\u9fff]{2,4}",
        needs=("my name is", "i am called", "me llamo", "ich hei", "je m'appelle", "meu nome", "mein name", "我叫"),
    ),
)
#: A text without six digits in a row, or nearly so, holds no number of these kinds.
_NUMBERS = frozenset(
    {"data.iban", "data.card", "data.us_ssn", "data.uk_nino", "data.cn_id", "data.br_cpf", "data.es_dni"}
    | {"data.fr_nir", "data.in_aadhaar", "data.passport", "data.phone", "data.account"}
)
_DIGITS = re.compile(r"\d(?:[ ()./-]{0,3}\d){4}")

_PERSONS = frozenset(
    """
    i me my he she him her his hers we our they patient mother father mom mum dad son daughter husband wife child
    baby employee applicant candidate client man woman boy girl paciente hijo hija madre padre esposa marido mi su
    patientin sohn tochter mutter vater mann frau mein meine ich er sie patiente fils fille mere pere mari femme
    mon ma elle il filho filha mae pai minha meu ele ela
    """.split()  # noqa: SIM905 - a list of words reads better unquoted
)
_PERSON_PIECES = (
    "我",
    "他",
    "她",
    "患者",
    "病人",
    "妈妈",
    "爸爸",
    "孩子",
    "私",
    "母",
    "父",
    "息子",
    "娘",
    "彼",
    "مريض",
    "امي",
    "ابي",
    "ابني",
    "ابنتي",
    "زوج",
    "मेर",
    "मरीज",
    "उस",
)
_SPECIAL_FACTS = re.compile(
    r" (?:(?:is|was|as|im|am) (?:gay|lesbian|bisexual|transgender|muslim|jewish|hindu|catholic|trans)|fingerprints?|"
    r"biometric|iris scan|faceprint|ethnicity|ethnic origin|sexual orientation|trade union|union member|religion|"
    r"religious belief|criminal record|hiv positive|genetic test) "
)


def data_class(text: str, whole: Folded, weights: dict[Domain, int]) -> tuple[DataClass, tuple[Reason, ...]]:
    """The most restricted class that a text shows, and each sign of it; ``internal`` where there is none.

    ``weights`` are the lexicon's, by domain: facts of health beside a person make the class ``special``.
    """
    lowered = text.casefold()
    reasons: list[Reason] = []
    found = DataClass.INTERNAL
    numbers = _DIGITS.search(text) is not None
    for sign in _SIGNS:
        if (sign.code in _NUMBERS and not numbers) or any(sign.code == r.code for r in reasons):
            continue
        if sign.needs and not any(need in lowered for need in sign.needs):
            continue
        if any(sign.holds(match[0]) for match in sign.pattern.finditer(text)):
            reasons.append(Reason(sign.code, "data_class", sign.says))
            found = max(found, sign.data_class, key=lambda d: d.rank)
    if found is not DataClass.SECRET:
        person = bool(_PERSONS & whole.words) or any(p in whole.pieces for p in _PERSON_PIECES if whole.pieces)
        person = person or found is DataClass.PERSONAL
        if weights.get(Domain.HEALTHCARE, 0) >= 3 and person:
            reasons.append(Reason("data.health", "data_class", "facts about the health of a person"))
            found = DataClass.SPECIAL
        elif person and _SPECIAL_FACTS.search(whole.line):
            reasons.append(Reason("data.sensitive", "data_class", "faith, origin, orientation, biometrics or record"))
            found = DataClass.SPECIAL
    return found, tuple(reasons)
