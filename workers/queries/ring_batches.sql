-- Accepted batches that nobody plans: announce them, again after a while.
UPDATE batch SET rung_at = now()
WHERE state = 'accepted' AND (rung_at IS NULL OR rung_at < now() - make_interval(secs => :again_s))
RETURNING id
