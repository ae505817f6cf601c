-- Park what waits past its deadline. What is being claimed at this moment is not waiting.
UPDATE job SET state = 'parked', reason = 'deadline_passed', reason_says = 'its deadline passed while it waited',
    next_attempt_at = NULL, ended_at = now()
WHERE id IN (
    SELECT id FROM job
    WHERE state = 'queued' AND ended_at IS NULL
        AND facts ? 'deadline' AND CAST(facts ->> 'deadline' AS timestamptz) <= now()
    ORDER BY id FOR UPDATE SKIP LOCKED
)
RETURNING id, batch_id
