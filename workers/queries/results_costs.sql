-- What all attempts of some jobs cost, accruals included.
SELECT attempt.job_id, sum(CASE kind WHEN 'reversal' THEN -amount_pico ELSE amount_pico END) AS pico
FROM attempt JOIN ledger_line ON ledger_line.attempt_id = attempt.id
WHERE attempt.job_id = ANY(:jobs)
GROUP BY attempt.job_id
