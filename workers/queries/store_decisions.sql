-- Write a page of decisions: a job is queued in its chunk, or parked with its reason.
UPDATE job SET
    decision = d.decision, tier = d.tier, expected_pico = d.expected_pico, worst_pico = d.worst_pico,
    state = CASE WHEN d.reason IS NULL THEN 'queued' ELSE 'parked' END,
    reason = d.reason, reason_says = d.reason_says, chunk_id = d.chunk_id,
    next_attempt_at = CASE WHEN d.reason IS NULL THEN now() END,
    ended_at = CASE WHEN d.reason IS NOT NULL THEN now() END
FROM jsonb_to_recordset(CAST(:decisions AS jsonb)) AS d (
    id bigint, decision jsonb, tier text, expected_pico bigint, worst_pico bigint,
    reason text, reason_says text, chunk_id bigint
)
WHERE job.id = d.id AND job.state = 'accepted'
