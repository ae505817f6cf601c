-- The bad lines of a batch, in their order.
SELECT line, custom_id, field, code, says FROM line_problem WHERE batch_id = :batch ORDER BY number
