-- A page of a batch's ended jobs, in the order of their lines.
SELECT id, line, custom_id, state, stakes, tier, stage, attempts, reason, reason_says
FROM job WHERE batch_id = :batch AND line > :after AND ended_at IS NOT NULL
ORDER BY line LIMIT :page
