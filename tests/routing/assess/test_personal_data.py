"""Data classes by their signs."""

from __future__ import annotations

import pytest

from schemas.vocabulary import DataClass
from tests.routing.assess.prompts import assess

SECRET, SPECIAL, PERSONAL, INTERNAL = DataClass.SECRET, DataClass.SPECIAL, DataClass.PERSONAL, DataClass.INTERNAL


@pytest.mark.parametrize(
    ("text", "data_class", "code"),
    [
        ("Write to anna.b@example.org", PERSONAL, "data.email"),
        ("Call me on +44 20 7946 0958", PERSONAL, "data.phone"),
        ("Pay to DE89 3704 0044 0532 0130 00", PERSONAL, "data.iban"),
        ("Card 4111 1111 1111 1111", PERSONAL, "data.card"),
        ("SSN 536-22-1234", PERSONAL, "data.us_ssn"),
        ("NI number AB 12 34 56 C", PERSONAL, "data.uk_nino"),
        ("身份证 11010519491231002X", PERSONAL, "data.cn_id"),
        ("CPF 111.444.777-35", PERSONAL, "data.br_cpf"),
        ("DNI 12345678Z", PERSONAL, "data.es_dni"),
        ("Date of birth: 12/03/1984", PERSONAL, "data.birth"),
        ("geboren am 3.4.1971", PERSONAL, "data.birth"),
        ("She lives at 221 Baker Street", PERSONAL, "data.address"),
        ("Er wohnt Lindenstraße 12", PERSONAL, "data.address"),
        ("Name: Jane Roe", PERSONAL, "data.named"),
        ("Passport no. X1234567", PERSONAL, "data.passport"),
        ("my mother takes warfarin for a stroke", SPECIAL, "data.health"),
        ("He is gay and asks for a flat", SPECIAL, "data.sensitive"),
        ("key AKIAIOSFODNN7EXAMPLE", SECRET, "data.api_key"),
        ("password: hunter2!x", SECRET, "data.password"),
        ("-----BEGIN RSA PRIVATE KEY-----", SECRET, "data.private_key"),
        ("postgresql://app:s3cret@db/main", SECRET, "data.connection"),
    ],
)
def test_a_sign_sets_the_class_and_is_named(text, data_class, code):
    """Each sign sets its class and stands among the reasons."""
    found = assess(text)
    assert found.data_class is data_class
    assert code in {r.code for r in found.reasons}


@pytest.mark.parametrize(
    "text",
    [
        "Write a haiku about rain.",
        "The order number is 4111 1111 1111 1112",
        "Reference GB00 1234 5678 9012 34",
        "I forgot my password, how do I reset it?",
        "Revenue grew from 1,204 to 1,377 in 2019.",
    ],
)
def test_a_text_without_signs_is_internal(text):
    """Numbers that fail their check digits, and words alone, are no personal data."""
    assert assess(text).data_class is INTERNAL
