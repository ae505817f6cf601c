-- Give jobs back to the book with what became of them, but only those whose lease is still the caller's: the fence.
-- One job may be given twice, by a late call and by the one that followed it: the token tells which of them counts.
WITH given AS (
    SELECT * FROM jsonb_to_recordset(CAST(:jobs AS jsonb)) AS g (
        id bigint, token uuid, state text, reason text, reason_says text, delay_s double precision, stage smallint
    )
), mine AS (
    SELECT job.id, given.token FROM job JOIN given ON job.id = given.id AND job.lease_token = given.token
    WHERE job.state = 'running' ORDER BY job.id FOR UPDATE OF job
)
UPDATE job SET
    state = given.state, reason = given.reason, reason_says = given.reason_says, stage = given.stage,
    lease_token = NULL, lease_until = NULL,
    next_attempt_at = CASE WHEN given.state = 'queued' THEN now() + make_interval(secs => given.delay_s) END,
    ended_at = CASE WHEN given.state <> 'queued' THEN now() END
FROM given JOIN mine USING (id, token)
WHERE job.id = given.id
RETURNING job.id, given.token
