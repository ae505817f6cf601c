"""The tables, as SQLAlchemy Core describes them; the migrations make them.

Amounts are pico-USD in BIGINT. A text column named for an enumeration of ``schemas.vocabulary`` holds its values.
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    Numeric,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from schemas.vocabulary import AttemptState, BatchState, EntryKind, JobState, Meter, Stakes, Tier

metadata = MetaData(
    naming_convention={
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "pk": "%(table_name)s_pkey",
    }
)

_NOW = func.now()


def _time(name: str, *, now: bool = False, optional: bool = False) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=optional, server_default=_NOW if now else None)


def _one_of(column: str, words: type[StrEnum]) -> CheckConstraint:
    listed = ", ".join(f"'{word.value}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


#: The text of each policy and catalogue that ever decided something, by digest.
rulebook = Table(
    "rulebook",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("content", Text, nullable=False),
    _time("first_used_at", now=True),
)

batch = Table(
    "batch",
    metadata,
    Column("id", Text, primary_key=True, comment="the producer's idempotency key"),
    Column("tenant", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("way_in", Text, nullable=False, comment="command, message or function"),
    Column("content_digest", Text, nullable=False, comment="SHA-256 of what was submitted, to tell a reused key"),
    Column("jobs", Integer, nullable=False),
    Column("bad_lines", Integer, nullable=False),
    Column("budget_pico", BigInteger),
    Column("policy_digest", Text, ForeignKey("rulebook.digest")),
    Column("catalogue_digest", Text, ForeignKey("rulebook.digest")),
    Column("plan_inputs", JSONB, comment="what its decisions read besides job and rulebook, to make them again"),
    _time("accepted_at", now=True),
    _time("rung_at", optional=True),
    _time("planned_at", optional=True),
    _time("finished_at", optional=True),
    _one_of("state", BatchState),
    Index("batch_open_idx", "state", postgresql_where=text("state <> 'finished'")),
)

line_problem = Table(
    "line_problem",
    metadata,
    Column("batch_id", Text, ForeignKey("batch.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("line", Integer, nullable=False),
    Column("custom_id", Text),
    Column("field", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("says", Text, nullable=False),
)

#: The unit of a broker message: jobs of one batch, lane and stage that share their ranked endpoints.
chunk = Table(
    "chunk",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("batch_id", Text, ForeignKey("batch.id", ondelete="CASCADE"), nullable=False),
    Column("lane", Text, nullable=False),
    Column("stage", SmallInteger, nullable=False),
    Column("endpoints", ARRAY(Text), nullable=False, comment="ids that qualify for all its jobs, cheapest first"),
    _time("rung_at", optional=True),
    _time("ended_at", optional=True),
    _one_of("lane", Tier),
    Index(None, "batch_id"),
    Index("chunk_open_idx", "lane", "id", postgresql_where=text("ended_at IS NULL")),
)

job = Table(
    "job",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("batch_id", Text, ForeignKey("batch.id", ondelete="CASCADE"), nullable=False),
    Column("line", Integer, nullable=False),
    Column("custom_id", Text, nullable=False),
    Column("body", JSONB, nullable=False, comment="the request without model and metadata"),
    Column("asked_model", Text, nullable=False),
    Column("facts", JSONB, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("cost_centre", Text, nullable=False),
    Column("project", Text),
    Column("template", Text, comment="what learns the length of answers: template id or digest of the system prompt"),
    Column("stakes", Text, nullable=False),
    Column("assessment", JSONB, nullable=False),
    Column("decision", JSONB),
    Column("tier", Text, comment="the lane it was first given; escalation changes stage and chunk, not this"),
    Column("stage", SmallInteger, nullable=False, server_default="0"),
    Column("state", Text, nullable=False),
    Column("reason", Text, comment="why it is parked or failed: a code"),
    Column("reason_says", Text),
    Column("chunk_id", BigInteger, ForeignKey("chunk.id")),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    Column("lease_token", Uuid),
    _time("lease_until", optional=True),
    _time("next_attempt_at", optional=True),
    Column("prompt_tokens", Integer, nullable=False),
    Column("prefix_tokens", Integer, nullable=False, comment="of these, the system prompt's"),
    Column("expected_pico", BigInteger, nullable=False, server_default="0"),
    Column("worst_pico", BigInteger, nullable=False, server_default="0", comment="what its batch's hold holds for it"),
    _time("ended_at", optional=True),
    UniqueConstraint("batch_id", "line"),
    UniqueConstraint("batch_id", "custom_id"),
    _one_of("state", JobState),
    _one_of("stakes", Stakes),
    _one_of("tier", Tier),
    CheckConstraint("(state = 'running') = (lease_token IS NOT NULL)", name="lease"),
    CheckConstraint("(state IN ('done', 'parked', 'failed')) = (ended_at IS NOT NULL)", name="ended"),
    Index("job_chunk_open_idx", "chunk_id", "id", postgresql_where=text("ended_at IS NULL")),
    Index("job_lease_idx", "lease_until", postgresql_where=text("state = 'running'")),
    Index("job_open_idx", "batch_id", postgresql_where=text("ended_at IS NULL")),
)

attempt = Table(
    "attempt",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("job_id", BigInteger, ForeignKey("job.id", ondelete="CASCADE"), nullable=False),
    Column("batch_id", Text, nullable=False),
    Column("number", SmallInteger, nullable=False, comment="1 for the job's first call"),
    Column("stage", SmallInteger, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("standin", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Column("lease_token", Uuid, nullable=False),
    Column("estimated_input", Integer, nullable=False, comment="tokens accrued when its cost stays unknown"),
    Column("estimated_output", Integer, nullable=False),
    Column("card", Text, nullable=False, comment="the price card valid when it left"),
    _time("sent_at"),
    _time("ended_at", optional=True),
    Column("outcome", Text, comment="a short code: answered, http_429, timeout, lease_lost ..."),
    Column("status", SmallInteger),
    Column("request_id", Text),
    Column("served_model", Text),
    Column("finish_reason", Text),
    Column("input_tokens", Integer),
    Column("cached_read_tokens", Integer),
    Column("cache_write_tokens", Integer),
    Column("output_tokens", Integer),
    Column("flaws", ARRAY(Text), nullable=False, server_default="{}"),
    Column("latency_ms", Integer),
    UniqueConstraint("job_id", "number"),
    _one_of("state", AttemptState),
    Index(None, "batch_id"),
    Index("attempt_sent_idx", "lease_token", postgresql_where=text("state = 'sent'")),
)

#: At most one accepted result a job: the primary key sees to it.
result = Table(
    "result",
    metadata,
    Column("job_id", BigInteger, ForeignKey("job.id", ondelete="CASCADE"), primary_key=True),
    Column("attempt_id", BigInteger, ForeignKey("attempt.id"), nullable=False, unique=True),
    Column("completion", JSONB, nullable=False),
    Column("flaws", ARRAY(Text), nullable=False, server_default="{}"),
    Column("baseline_pico", BigInteger, nullable=False, comment="the same tokens on the reference frontier model"),
    Column("baseline_card", Text, nullable=False),
    _time("accepted_at", now=True),
)

#: Immutable: a trigger refuses UPDATE, DELETE and TRUNCATE. No foreign keys: the books outlive what they tell of.
ledger_line = Table(
    "ledger_line",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("attempt_id", BigInteger, nullable=False),
    Column("meter", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("debit", Text, nullable=False),
    Column("credit", Text, nullable=False),
    Column("amount_pico", BigInteger, nullable=False),
    Column("quantity", BigInteger, nullable=False, comment="tokens; requests for the fee"),
    Column("usd_per_million", Numeric, nullable=False),
    Column("card", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("cost_centre", Text, nullable=False),
    Column("project", Text),
    Column("batch_id", Text, nullable=False),
    Column("job_id", BigInteger, nullable=False),
    Column("provider", Text, nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("tier", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("note", Text, comment="who lowered declared stakes by permission, if anybody did"),
    _time("occurred_at"),
    _time("recorded_at", now=True),
    UniqueConstraint("attempt_id", "meter", "kind"),
    CheckConstraint("amount_pico >= 0 AND quantity >= 0", name="sign"),
    CheckConstraint("debit <> credit", name="accounts"),
    _one_of("meter", Meter),
    _one_of("kind", EntryKind),
    Index(None, "batch_id"),
    Index(None, "occurred_at"),
)

hold = Table(
    "hold",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("batch_id", Text, ForeignKey("batch.id", ondelete="CASCADE"), nullable=False, unique=True),
    Column("amount_pico", BigInteger, nullable=False),
    Column("state", Text, nullable=False, comment="active, released or review"),
    _time("created_at", now=True),
    _time("expires_at"),
    CheckConstraint("amount_pico >= 0", name="sign"),
    CheckConstraint("state IN ('active', 'released', 'review')", name="state"),
)

#: What came back, a row a tenant, template and model: how long answers are and how often they fail their check.
answer_history = Table(
    "answer_history",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("template", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("answers", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("flawed", BigInteger, nullable=False),
)

event = Table(
    "event",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("batch_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("detail", JSONB, nullable=False),
    _time("at", now=True),
    UniqueConstraint("batch_id", "kind"),
)
