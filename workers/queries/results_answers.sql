-- The accepted answers of some jobs.
SELECT result.job_id, result.completion, attempt.endpoint, attempt.model, attempt.standin, attempt.status, attempt.request_id
FROM result JOIN attempt ON attempt.id = result.attempt_id
WHERE result.job_id = ANY(:jobs)
