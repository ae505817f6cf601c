-- Put off what waits in a chunk: it can't be called for at present. What others hold at this moment they decide about.
UPDATE job SET next_attempt_at = now() + make_interval(secs => :seconds)
WHERE id IN (
    SELECT id FROM job
    WHERE chunk_id = :chunk AND state = 'queued' AND ended_at IS NULL AND next_attempt_at <= now()
    ORDER BY id FOR UPDATE SKIP LOCKED
)
