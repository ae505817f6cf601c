UPDATE chunk SET ended_at = now()
WHERE id = ANY(:chunks) AND ended_at IS NULL
    AND NOT EXISTS (SELECT FROM job WHERE job.chunk_id = chunk.id AND job.ended_at IS NULL)
