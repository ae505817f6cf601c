-- What was told of a batch, in order. A batch that was refused has only this.
SELECT kind, detail, at FROM event WHERE batch_id = :batch ORDER BY id
