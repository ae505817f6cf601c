-- Write ledger lines. The same attempt, meter and kind is written once, however often it is posted.
INSERT INTO ledger_line (
    attempt_id, meter, kind, debit, credit, amount_pico, quantity, usd_per_million, card,
    tenant, cost_centre, project, batch_id, job_id, provider, endpoint, model, tier, purpose, note, occurred_at
)
VALUES (
    :attempt_id, :meter, :kind, :debit, :credit, :amount_pico, :quantity, :usd_per_million, :card,
    :tenant, :cost_centre, :project, :batch_id, :job_id, :provider, :endpoint, :model, :tier, :purpose, :note, :occurred_at
)
ON CONFLICT (attempt_id, meter, kind) DO NOTHING
