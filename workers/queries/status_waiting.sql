-- Why jobs of a batch wait in the queue: how their last call ended, and when the first of them is due.
SELECT attempt.endpoint, attempt.outcome, count(*) AS jobs, min(job.next_attempt_at) AS due_at,
    min(job.next_attempt_at) <= now() AS due
FROM job LEFT JOIN attempt ON attempt.job_id = job.id AND attempt.number = job.attempts
WHERE job.batch_id = :batch AND job.state = 'queued'
GROUP BY attempt.endpoint, attempt.outcome
ORDER BY jobs DESC, attempt.endpoint, attempt.outcome
LIMIT 20
