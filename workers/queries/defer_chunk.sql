-- Put off what waits in a chunk: none of its endpoints takes calls at present.
UPDATE job SET next_attempt_at = now() + make_interval(secs => :seconds)
WHERE chunk_id = :chunk AND state = 'queued' AND ended_at IS NULL AND next_attempt_at <= now()
