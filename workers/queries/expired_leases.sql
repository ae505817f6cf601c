-- Jobs whose worker fell silent, with the call each had under way.
SELECT job.id AS job_id, job.batch_id, job.attempts, job.stage, job.tenant, job.cost_centre, job.project, job.tier,
    job.assessment, attempt.id AS attempt_id, attempt.provider, attempt.endpoint, attempt.model, attempt.purpose,
    attempt.card, attempt.sent_at, attempt.estimated_input, attempt.estimated_output, job.lease_token
FROM job JOIN attempt ON attempt.job_id = job.id AND attempt.number = job.attempts
WHERE job.state = 'running' AND job.lease_until < now()
ORDER BY job.id LIMIT :page
FOR UPDATE OF job SKIP LOCKED
