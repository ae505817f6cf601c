-- The newest batches with what became of their jobs and what they have cost so far, accruals included.
SELECT batch.id, batch.tenant, batch.state, batch.way_in, batch.jobs, batch.bad_lines, batch.budget_pico,
    batch.accepted_at, batch.finished_at, ended.done, ended.parked, ended.failed, spent.pico
FROM (
    SELECT * FROM batch WHERE (CAST(:tenant AS text) IS NULL OR tenant = :tenant)
    ORDER BY accepted_at DESC, id LIMIT :most
) AS batch
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE state = 'done') AS done, count(*) FILTER (WHERE state = 'parked') AS parked,
        count(*) FILTER (WHERE state = 'failed') AS failed
    FROM job WHERE job.batch_id = batch.id
) AS ended
CROSS JOIN LATERAL (
    SELECT coalesce(sum(CASE kind WHEN 'reversal' THEN -amount_pico ELSE amount_pico END), 0) AS pico
    FROM ledger_line WHERE ledger_line.batch_id = batch.id
) AS spent
ORDER BY batch.accepted_at DESC, batch.id
