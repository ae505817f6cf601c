-- What the whole batch turned out to hold, at the end of its intake and in the same transaction. One without a job
-- is finished with that.
WITH sealed AS (
    UPDATE batch SET content_digest = :digest, jobs = :jobs, bad_lines = :bad_lines,
        state = CASE WHEN :jobs = 0 THEN 'finished' ELSE state END,
        finished_at = CASE WHEN :jobs = 0 THEN now() END
    WHERE id = :id
    RETURNING id, state
)
INSERT INTO event (batch_id, kind, detail)
SELECT id, 'finished', '{}' FROM sealed WHERE state = 'finished'
ON CONFLICT DO NOTHING
