-- Chunks to announce: work is due in them, few enough a lane, and nobody heard of them lately (or a retry came due).
-- A chunk that somebody else is announcing at this moment is left to them.
WITH due AS (
    SELECT chunk.id, row_number() OVER (PARTITION BY chunk.lane ORDER BY chunk.id) AS place
    FROM chunk
    WHERE chunk.ended_at IS NULL AND EXISTS (
        SELECT FROM job WHERE job.chunk_id = chunk.id AND job.ended_at IS NULL
            AND job.state = 'queued' AND job.next_attempt_at <= now()
    )
), silent AS (
    SELECT chunk.id FROM chunk JOIN due ON due.id = chunk.id
    WHERE due.place <= :window AND (
        chunk.rung_at IS NULL
        OR chunk.rung_at < now() - make_interval(secs => :again_s)
        OR EXISTS (
            SELECT FROM job WHERE job.chunk_id = chunk.id AND job.ended_at IS NULL AND job.state = 'queued'
                AND job.next_attempt_at <= now() AND job.next_attempt_at > chunk.rung_at
        )
    )
    FOR NO KEY UPDATE OF chunk SKIP LOCKED
)
UPDATE chunk SET rung_at = now() FROM silent WHERE chunk.id = silent.id
RETURNING chunk.id, chunk.lane
