-- What a batch has cost so far, for how long it has been planned, and what is held for it.
SELECT batch.state, batch.jobs, batch.budget_pico,
    coalesce(extract(epoch FROM now() - batch.planned_at), 0) AS planned_s,
    extract(epoch FROM now() - batch.accepted_at) AS accepted_s,
    spent.settled_pico, spent.accrued_pico
FROM batch CROSS JOIN LATERAL (
    SELECT coalesce(sum(CAST(amount_pico AS numeric)) FILTER (WHERE kind = 'charge'), 0) AS settled_pico,
        coalesce(sum(CAST(CASE kind WHEN 'accrual' THEN amount_pico WHEN 'reversal' THEN -amount_pico END AS numeric)), 0)
            AS accrued_pico
    FROM ledger_line WHERE ledger_line.batch_id = batch.id
) AS spent
WHERE batch.id = :batch
