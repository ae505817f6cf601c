-- The ended jobs of a batch in the order of their lines, each with its accepted answer, the flaws that were found in
-- any of its answers, and what all its attempts cost.
SELECT job.id, job.custom_id, job.state, job.stakes, job.tier, job.stage, job.attempts, job.reason, job.reason_says,
    result.completion, answered.endpoint, answered.model, answered.standin, answered.status, answered.request_id,
    found.flaws, spent.pico
FROM job
LEFT JOIN result ON result.job_id = job.id
LEFT JOIN attempt AS answered ON answered.id = result.attempt_id
LEFT JOIN LATERAL (
    SELECT array_agg(DISTINCT flaw ORDER BY flaw) AS flaws
    FROM attempt CROSS JOIN unnest(attempt.flaws) AS flaw WHERE attempt.job_id = job.id
) AS found ON true
LEFT JOIN LATERAL (
    SELECT sum(CASE kind WHEN 'reversal' THEN -amount_pico ELSE amount_pico END) AS pico
    FROM attempt JOIN ledger_line ON ledger_line.attempt_id = attempt.id WHERE attempt.job_id = job.id
) AS spent ON true
WHERE job.batch_id = :batch AND job.ended_at IS NOT NULL
ORDER BY job.line
