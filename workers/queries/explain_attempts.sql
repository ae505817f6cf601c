-- The calls made for a job, in order, each with what its ledger lines come to (None where it has none).
SELECT attempt.*, spent.settled_pico, spent.accrued_pico
FROM attempt
LEFT JOIN LATERAL (
    SELECT sum(amount_pico) FILTER (WHERE kind = 'charge') AS settled_pico,
        sum(CASE kind WHEN 'accrual' THEN amount_pico WHEN 'reversal' THEN -amount_pico END) AS accrued_pico
    FROM ledger_line WHERE ledger_line.attempt_id = attempt.id
) AS spent ON true
WHERE attempt.job_id = :job
ORDER BY attempt.number
