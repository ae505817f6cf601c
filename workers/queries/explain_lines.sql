-- A job's ledger lines, in the order they were written.
SELECT attempt_id, meter, kind, debit, credit, quantity, usd_per_million, amount_pico
FROM ledger_line
WHERE attempt_id IN (SELECT id FROM attempt WHERE job_id = :job)
ORDER BY id
