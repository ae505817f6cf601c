-- Mark chunks (NULL: all of them) in which nothing is left to do.
UPDATE chunk SET ended_at = now()
WHERE id IN (
    SELECT id FROM chunk
    WHERE ended_at IS NULL AND (CAST(:chunks AS bigint[]) IS NULL OR id = ANY(CAST(:chunks AS bigint[])))
        AND NOT EXISTS (SELECT FROM job WHERE job.chunk_id = chunk.id AND job.ended_at IS NULL)
    FOR NO KEY UPDATE SKIP LOCKED
)
