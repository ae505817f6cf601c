-- Accepted batches that nobody plans: announce them, again after a while. One that is being planned is locked: leave it.
UPDATE batch SET rung_at = now()
WHERE id IN (
    SELECT id FROM batch
    WHERE state = 'accepted' AND (rung_at IS NULL OR rung_at < now() - make_interval(secs => :again_s))
    FOR UPDATE SKIP LOCKED
)
RETURNING id
