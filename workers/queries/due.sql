-- A chunk and how much of it is due, by the database's clock: what a worker looks at before it asks for permits.
SELECT chunk.endpoints, chunk.lane, due.jobs, due.tokens, now() AS at
FROM chunk CROSS JOIN LATERAL (
    SELECT count(*) AS jobs,
        CAST(coalesce(avg(prompt_tokens + CAST(decision ->> 'output_tokens' AS integer)), 0) AS integer) AS tokens
    FROM job WHERE job.chunk_id = chunk.id AND job.ended_at IS NULL AND job.state = 'queued' AND job.next_attempt_at <= now()
) AS due
WHERE chunk.id = :chunk AND chunk.ended_at IS NULL
