-- Record an event of a batch, once a kind.
INSERT INTO event (batch_id, kind, detail) VALUES (:batch_id, :kind, CAST(:detail AS jsonb)) ON CONFLICT DO NOTHING
