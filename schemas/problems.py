"""What can be wrong with a submitted line or batch: one machine word and one plain sentence each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ProblemCode(StrEnum):
    """The error codes of a submission; a code once published keeps its meaning."""

    # how the line is written
    LINE_TOO_LONG = "line_too_long"
    INVALID_UTF8 = "invalid_utf8"
    INVALID_JSON = "invalid_json"
    NOT_A_NUMBER = "not_a_number"
    TOO_DEEP = "too_deep"
    DUPLICATE_KEY = "duplicate_key"
    NOT_AN_OBJECT = "not_an_object"
    # what the line holds
    MISSING_FIELD = "missing_field"
    INVALID_FIELD = "invalid_field"
    UNKNOWN_FIELD = "unknown_field"
    DUPLICATE_CUSTOM_ID = "duplicate_custom_id"
    UNSUPPORTED_METHOD = "unsupported_method"
    UNSUPPORTED_URL = "unsupported_url"
    UNKNOWN_MODEL = "unknown_model"
    EMPTY_MESSAGES = "empty_messages"
    STREAMING_UNSUPPORTED = "streaming_unsupported"
    SEVERAL_CHOICES_UNSUPPORTED = "several_choices_unsupported"
    BAD_SCHEMA = "bad_schema"
    INVALID_METADATA = "invalid_metadata"
    # the batch as a whole
    EMPTY_BATCH = "empty_batch"
    TOO_MANY_LINES = "too_many_lines"
    FILE_TOO_LARGE = "file_too_large"


#: A problem of the whole batch: nothing of it is run. All other problems rule out only their own line.
BATCH_CODES = frozenset({ProblemCode.EMPTY_BATCH, ProblemCode.TOO_MANY_LINES, ProblemCode.FILE_TOO_LARGE})


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a submission.

    ``line`` counts from 1, blank lines included; 0 means the batch as a whole. ``custom_id`` is given where it could
    be read. ``field`` is a path such as ``body.messages[0].role``, empty where the line as such is meant.
    ``says`` tells what is wrong and what to do. It names fields, limits and known names, never the job's own text.
    """

    line: int
    custom_id: str | None
    field: str
    code: ProblemCode
    says: str

    @property
    def refuses_batch(self) -> bool:
        """Whether the whole batch is refused for it."""
        return self.code in BATCH_CODES

    def as_json(self) -> dict[str, str | int | None]:
        return {
            "line": self.line,
            "custom_id": self.custom_id,
            "field": self.field,
            "code": self.code.value,
            "says": self.says,
        }

    def __str__(self) -> str:
        where = f"line {self.line}" if self.line else "batch"
        return f"{where}: {self.code.value}: {f'{self.field}: ' if self.field else ''}{self.says}"
