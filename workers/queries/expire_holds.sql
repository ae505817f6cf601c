-- A hold that outlived its term goes to review; it isn't dropped.
WITH expired AS (
    UPDATE hold SET state = 'review' WHERE state = 'active' AND expires_at < now() RETURNING batch_id, amount_pico
)
INSERT INTO event (batch_id, kind, detail)
SELECT batch_id, 'hold_in_review', jsonb_build_object('amount_pico', amount_pico) FROM expired
ON CONFLICT DO NOTHING
