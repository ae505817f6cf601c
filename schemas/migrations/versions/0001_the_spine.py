"""The spine: batches, jobs, attempts, results and an immutable ledger."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

#: Corrections are reversal and replacement; a line that was written stays as it is.
_IMMUTABLE = """
CREATE FUNCTION refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'ledger lines are immutable: correct by reversal and replacement'
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER ledger_line_is_immutable BEFORE UPDATE OR DELETE ON ledger_line
    FOR EACH ROW EXECUTE FUNCTION refuse_ledger_change();
CREATE TRIGGER ledger_line_is_never_emptied BEFORE TRUNCATE ON ledger_line
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();
"""

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "answer_history",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("answers", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("flawed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "template", "model", name=op.f("answer_history_pkey")),
    )
    op.create_table(
        "event",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("event_pkey")),
        sa.UniqueConstraint("batch_id", "kind", name=op.f("event_batch_id_kind_key")),
    )
    op.create_table(
        "ledger_line",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("attempt_id", sa.BigInteger(), nullable=False),
        sa.Column("meter", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("debit", sa.Text(), nullable=False),
        sa.Column("credit", sa.Text(), nullable=False),
        sa.Column("amount_pico", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False, comment="tokens; requests for the fee"),
        sa.Column("usd_per_million", sa.Numeric(), nullable=False),
        sa.Column("card", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("cost_centre", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=True),
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column(
            "note", sa.Text(), nullable=True, comment="who lowered declared stakes by permission, if anybody did"
        ),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind IN ('charge', 'accrual', 'reversal')", name=op.f("ledger_line_kind_check")),
        sa.CheckConstraint(
            "meter IN ('input', 'cached_read', 'cache_write', 'output', 'fee')", name=op.f("ledger_line_meter_check")
        ),
        sa.CheckConstraint("amount_pico >= 0 AND quantity >= 0", name=op.f("ledger_line_sign_check")),
        sa.CheckConstraint("debit <> credit", name=op.f("ledger_line_accounts_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("ledger_line_pkey")),
        sa.UniqueConstraint("attempt_id", "meter", "kind", name=op.f("ledger_line_attempt_id_meter_kind_key")),
    )
    op.create_index(op.f("ledger_line_batch_id_idx"), "ledger_line", ["batch_id"], unique=False)
    op.create_index(op.f("ledger_line_occurred_at_idx"), "ledger_line", ["occurred_at"], unique=False)
    op.create_table(
        "rulebook",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("first_used_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("rulebook_pkey")),
    )
    op.create_table(
        "batch",
        sa.Column("id", sa.Text(), nullable=False, comment="the producer's idempotency key"),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("way_in", sa.Text(), nullable=False, comment="command, message or function"),
        sa.Column(
            "content_digest", sa.Text(), nullable=False, comment="SHA-256 of what was submitted, to tell a reused key"
        ),
        sa.Column("jobs", sa.Integer(), nullable=False),
        sa.Column("bad_lines", sa.Integer(), nullable=False),
        sa.Column("budget_pico", sa.BigInteger(), nullable=True),
        sa.Column("policy_digest", sa.Text(), nullable=True),
        sa.Column("catalogue_digest", sa.Text(), nullable=True),
        sa.Column(
            "plan_inputs",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="what its decisions read besides job and rulebook, to make them again",
        ),
        sa.Column("accepted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("rung_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("planned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('accepted', 'planned', 'finished')", name=op.f("batch_state_check")),
        sa.ForeignKeyConstraint(["catalogue_digest"], ["rulebook.digest"], name=op.f("batch_catalogue_digest_fkey")),
        sa.ForeignKeyConstraint(["policy_digest"], ["rulebook.digest"], name=op.f("batch_policy_digest_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("batch_pkey")),
    )
    op.create_index("batch_open_idx", "batch", ["state"], unique=False, postgresql_where=sa.text("state <> 'finished'"))
    op.create_table(
        "chunk",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("stage", sa.SmallInteger(), nullable=False),
        sa.Column(
            "endpoints",
            postgresql.ARRAY(sa.Text()),
            nullable=False,
            comment="ids that qualify for all its jobs, cheapest first",
        ),
        sa.Column("rung_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("lane IN ('open', 'hybrid', 'frontier')", name=op.f("chunk_lane_check")),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("chunk_batch_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("chunk_pkey")),
    )
    op.create_index(op.f("chunk_batch_id_idx"), "chunk", ["batch_id"], unique=False)
    op.create_index(
        "chunk_open_idx", "chunk", ["lane", "id"], unique=False, postgresql_where=sa.text("ended_at IS NULL")
    )
    op.create_table(
        "hold",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("amount_pico", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="active, released or review"),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('active', 'released', 'review')", name=op.f("hold_state_check")),
        sa.CheckConstraint("amount_pico >= 0", name=op.f("hold_sign_check")),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("hold_batch_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("hold_pkey")),
        sa.UniqueConstraint("batch_id", name=op.f("hold_batch_id_key")),
    )
    op.create_table(
        "line_problem",
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("custom_id", sa.Text(), nullable=True),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("says", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["batch.id"], name=op.f("line_problem_batch_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("batch_id", "number", name=op.f("line_problem_pkey")),
    )
    op.create_table(
        "job",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("custom_id", sa.Text(), nullable=False),
        sa.Column(
            "body",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="the request without model and metadata",
        ),
        sa.Column("asked_model", sa.Text(), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("cost_centre", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=True),
        sa.Column(
            "template",
            sa.Text(),
            nullable=True,
            comment="what learns the length of answers: template id or digest of the system prompt",
        ),
        sa.Column("stakes", sa.Text(), nullable=False),
        sa.Column("assessment", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("decision", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column(
            "tier",
            sa.Text(),
            nullable=True,
            comment="the lane it was first given; escalation changes stage and chunk, not this",
        ),
        sa.Column("stage", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True, comment="why it is parked or failed: a code"),
        sa.Column("reason_says", sa.Text(), nullable=True),
        sa.Column("chunk_id", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("prompt_tokens", sa.Integer(), nullable=False),
        sa.Column("prefix_tokens", sa.Integer(), nullable=False, comment="of these, the system prompt's"),
        sa.Column("expected_pico", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column(
            "worst_pico",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="what its batch's hold holds for it",
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(state = 'running') = (lease_token IS NOT NULL)", name=op.f("job_lease_check")),
        sa.CheckConstraint(
            "(state IN ('done', 'parked', 'failed')) = (ended_at IS NOT NULL)", name=op.f("job_ended_check")
        ),
        sa.CheckConstraint("stakes IN ('low', 'medium', 'high')", name=op.f("job_stakes_check")),
        sa.CheckConstraint(
            "state IN ('accepted', 'queued', 'running', 'done', 'parked', 'failed')", name=op.f("job_state_check")
        ),
        sa.CheckConstraint("tier IN ('open', 'hybrid', 'frontier')", name=op.f("job_tier_check")),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("job_batch_id_fkey"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["chunk_id"], ["chunk.id"], name=op.f("job_chunk_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("job_pkey")),
        sa.UniqueConstraint("batch_id", "custom_id", name=op.f("job_batch_id_custom_id_key")),
        sa.UniqueConstraint("batch_id", "line", name=op.f("job_batch_id_line_key")),
    )
    op.create_index(
        "job_chunk_open_idx", "job", ["chunk_id", "id"], unique=False, postgresql_where=sa.text("ended_at IS NULL")
    )
    op.create_index(
        "job_lease_idx", "job", ["lease_until"], unique=False, postgresql_where=sa.text("state = 'running'")
    )
    op.create_index("job_open_idx", "job", ["batch_id"], unique=False, postgresql_where=sa.text("ended_at IS NULL"))
    op.create_table(
        "attempt",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False, comment="1 for the job's first call"),
        sa.Column("stage", sa.SmallInteger(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("standin", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("lease_token", sa.Uuid(), nullable=False),
        sa.Column(
            "estimated_input", sa.Integer(), nullable=False, comment="tokens accrued when its cost stays unknown"
        ),
        sa.Column("estimated_output", sa.Integer(), nullable=False),
        sa.Column("card", sa.Text(), nullable=False, comment="the price card valid when it left"),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "outcome", sa.Text(), nullable=True, comment="a short code: answered, http_429, timeout, lease_lost ..."
        ),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("served_model", sa.Text(), nullable=True),
        sa.Column("finish_reason", sa.Text(), nullable=True),
        sa.Column("input_tokens", sa.Integer(), nullable=True),
        sa.Column("cached_read_tokens", sa.Integer(), nullable=True),
        sa.Column("cache_write_tokens", sa.Integer(), nullable=True),
        sa.Column("output_tokens", sa.Integer(), nullable=True),
        sa.Column("flaws", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("latency_ms", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "state IN ('sent', 'billed', 'unbilled', 'uncertain', 'reconciled')", name=op.f("attempt_state_check")
        ),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("attempt_job_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("attempt_pkey")),
        sa.UniqueConstraint("job_id", "number", name=op.f("attempt_job_id_number_key")),
    )
    op.create_index(op.f("attempt_batch_id_idx"), "attempt", ["batch_id"], unique=False)
    op.create_index(
        "attempt_sent_idx", "attempt", ["lease_token"], unique=False, postgresql_where=sa.text("state = 'sent'")
    )
    op.create_table(
        "result",
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("attempt_id", sa.BigInteger(), nullable=False),
        sa.Column("completion", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("flaws", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column(
            "baseline_pico", sa.BigInteger(), nullable=False, comment="the same tokens on the reference frontier model"
        ),
        sa.Column("baseline_card", sa.Text(), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempt.id"], name=op.f("result_attempt_id_fkey")),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("result_job_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", name=op.f("result_pkey")),
        sa.UniqueConstraint("attempt_id", name=op.f("result_attempt_id_key")),
    )
    op.execute(_IMMUTABLE)


def downgrade() -> None:
    op.drop_table("result")
    op.drop_index("attempt_sent_idx", table_name="attempt", postgresql_where=sa.text("state = 'sent'"))
    op.drop_index(op.f("attempt_batch_id_idx"), table_name="attempt")
    op.drop_table("attempt")
    op.drop_index("job_open_idx", table_name="job", postgresql_where=sa.text("ended_at IS NULL"))
    op.drop_index("job_lease_idx", table_name="job", postgresql_where=sa.text("state = 'running'"))
    op.drop_index("job_chunk_open_idx", table_name="job", postgresql_where=sa.text("ended_at IS NULL"))
    op.drop_table("job")
    op.drop_table("line_problem")
    op.drop_table("hold")
    op.drop_index("chunk_open_idx", table_name="chunk", postgresql_where=sa.text("ended_at IS NULL"))
    op.drop_index(op.f("chunk_batch_id_idx"), table_name="chunk")
    op.drop_table("chunk")
    op.drop_index("batch_open_idx", table_name="batch", postgresql_where=sa.text("state <> 'finished'"))
    op.drop_table("batch")
    op.drop_table("rulebook")
    op.drop_index(op.f("ledger_line_occurred_at_idx"), table_name="ledger_line")
    op.drop_index(op.f("ledger_line_batch_id_idx"), table_name="ledger_line")
    op.drop_table("ledger_line")
    op.drop_table("event")
    op.drop_table("answer_history")
    op.execute("DROP FUNCTION refuse_ledger_change()")
