INSERT INTO chunk (batch_id, lane, stage, endpoints) VALUES (:batch_id, :lane, :stage, :endpoints) RETURNING id
