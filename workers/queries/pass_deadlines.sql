-- Park what waits past its deadline.
UPDATE job SET state = 'parked', reason = 'deadline_passed', reason_says = 'its deadline passed while it waited',
    next_attempt_at = NULL, ended_at = now()
WHERE state = 'queued' AND ended_at IS NULL AND facts ? 'deadline' AND CAST(facts ->> 'deadline' AS timestamptz) <= now()
RETURNING batch_id, chunk_id
