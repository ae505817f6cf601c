-- Claim due jobs of a chunk and write down the calls that are about to leave, in one statement.
-- The database's clock decides what is due and how long the lease runs.
-- With :spent, jobs that failed that often at this endpoint are left for the next one (429 is pressure, not failure).
WITH due AS (
    SELECT id FROM job
    WHERE chunk_id = :chunk AND state = 'queued' AND ended_at IS NULL AND next_attempt_at <= now()
        AND (CAST(:spent AS integer) IS NULL OR attempts < CAST(:spent AS integer) OR (
            SELECT count(*) FROM attempt
            WHERE attempt.job_id = job.id AND attempt.stage = job.stage AND attempt.endpoint = :endpoint
                AND attempt.state IN ('unbilled', 'uncertain') AND attempt.status IS DISTINCT FROM 429
        ) < CAST(:spent AS integer))
    ORDER BY id LIMIT :want
    FOR UPDATE SKIP LOCKED
), taken AS (
    UPDATE job SET state = 'running', attempts = attempts + 1, lease_token = :token,
        lease_until = now() + make_interval(secs => :lease_s)
    FROM due WHERE job.id = due.id
    RETURNING job.*
), sent AS (
    INSERT INTO attempt (
        job_id, batch_id, number, stage, purpose, endpoint, model, provider, standin, state, lease_token,
        estimated_input, estimated_output, card, sent_at
    )
    SELECT id, batch_id, attempts, stage, CASE WHEN stage = 0 THEN 'answer' ELSE 'escalation' END,
        :endpoint, :model, :provider, :standin, 'sent', :token,
        prompt_tokens, CAST(decision ->> 'output_tokens' AS integer), :card, now()
    FROM taken
    RETURNING id, job_id, sent_at
)
SELECT taken.id AS job_id, sent.id AS attempt_id, sent.sent_at, taken.batch_id, taken.custom_id, taken.attempts,
    taken.stage, taken.body, taken.facts, taken.tenant, taken.cost_centre, taken.project, taken.template, taken.tier,
    taken.decision, taken.assessment, taken.prompt_tokens
FROM taken JOIN sent ON sent.job_id = taken.id
ORDER BY taken.id
