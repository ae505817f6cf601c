-- Finish planned batches whose jobs have all ended, and release their holds.
WITH complete AS (
    SELECT id FROM batch
    WHERE state = 'planned' AND (CAST(:batches AS text[]) IS NULL OR id = ANY(CAST(:batches AS text[])))
        AND NOT EXISTS (SELECT FROM job WHERE job.batch_id = batch.id AND job.ended_at IS NULL)
    FOR NO KEY UPDATE SKIP LOCKED
), finished AS (
    UPDATE batch SET state = 'finished', finished_at = now() FROM complete WHERE batch.id = complete.id
    RETURNING batch.id
), released AS (
    UPDATE hold SET state = 'released' FROM finished WHERE hold.batch_id = finished.id AND hold.state <> 'released'
)
INSERT INTO event (batch_id, kind, detail)
SELECT id, 'finished', (SELECT jsonb_object_agg(state, jobs) FROM (
    SELECT state, count(*) AS jobs FROM job WHERE batch_id = finished.id GROUP BY state) AS by_state)
FROM finished
ON CONFLICT DO NOTHING
RETURNING batch_id
