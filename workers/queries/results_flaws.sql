-- The flaws that were found in any answer of some jobs.
SELECT attempt.job_id, array_agg(DISTINCT flaw ORDER BY flaw) AS flaws
FROM attempt CROSS JOIN unnest(attempt.flaws) AS flaw
WHERE attempt.job_id = ANY(:jobs)
GROUP BY attempt.job_id
