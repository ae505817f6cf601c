"""The wire schemas as JSON Schema (draft 2020-12), for producers in other languages.

``python -m schemas.export`` rewrites ``schemas/exported/<version>/``; a test holds the files to the code, so that a
change of the wire is always seen. A change that breaks producers needs a new ``WIRE_VERSION``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from schemas.facts import AMOUNT, JobFacts
from schemas.job import WIRE_VERSION, JobLine
from schemas.metadata import MAX_KEY_LENGTH, MAX_KEYS, MAX_VALUE_LENGTH
from schemas.output import OutputLine
from schemas.submission import Submission

EXPORTED = Path(__file__).parent / "exported" / WIRE_VERSION

_MODELS: Mapping[str, type[BaseModel]] = {
    "job_line": JobLine,
    "job_facts": JobFacts,
    "submission": Submission,
    "output_line": OutputLine,
}


def exported() -> dict[str, str]:
    """File name -> text of every exported schema."""
    return {f"{name}.json": _text(_schema(name, model)) for name, model in _MODELS.items()}


def write(folder: Path = EXPORTED) -> None:
    """Write the schemas into ``folder``, made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in exported().items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


def _text(schema: Mapping[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _schema(name: str, model: type[BaseModel]) -> dict[str, Any]:
    mode = "serialization" if model is OutputLine else "validation"
    schema = model.model_json_schema(mode=mode)  # type: ignore[arg-type]  # mypy widens the conditional to str
    if model is JobFacts:
        _as_strings(schema)
    for inner, definition in schema.get("$defs", {}).items():
        if inner == JobFacts.__name__:
            _as_strings(definition)
    if model is JobLine:
        body = schema["$defs"]["ChatBody"]["properties"]
        body["metadata"] = {"anyOf": [{"$ref": "#/$defs/JobFacts"}, {"type": "null"}]}
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:pointsman:schema:{WIRE_VERSION}:{name}",
    }
    return head | schema


def _as_strings(facts: dict[str, Any]) -> None:
    """On the wire every fact is a string and none is null, whatever it becomes once read."""
    for key, fact in facts["properties"].items():
        choices = [choice for choice in fact.pop("anyOf", ()) if choice != {"type": "null"}]
        if choices:
            fact.update(choices[0])
            fact.pop("default", None)
        if key == "labels":
            del fact["items"], fact["default"]
            fact["type"] = "string"
        elif key == "budget_usd":
            fact["pattern"] = f"^{AMOUNT.pattern}$"
    facts["additionalProperties"] = {"type": "string", "maxLength": MAX_VALUE_LENGTH}
    facts["propertyNames"] = {"minLength": 1, "maxLength": MAX_KEY_LENGTH}
    facts["maxProperties"] = MAX_KEYS


if __name__ == "__main__":
    write()
