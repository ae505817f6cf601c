-- A batch and its hold.
SELECT batch.id, batch.tenant, batch.state, batch.way_in, batch.jobs, batch.bad_lines, batch.budget_pico,
    batch.accepted_at, batch.planned_at, batch.finished_at, hold.state AS hold_state, hold.amount_pico AS hold_pico
FROM batch LEFT JOIN hold ON hold.batch_id = batch.id
WHERE batch.id = :batch
