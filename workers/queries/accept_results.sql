INSERT INTO result (job_id, attempt_id, completion, flaws, baseline_pico, baseline_card)
SELECT job_id, attempt_id, completion, ARRAY(SELECT jsonb_array_elements_text(flaws)), baseline_pico, baseline_card
FROM jsonb_to_recordset(CAST(:results AS jsonb)) AS r (
    job_id bigint, attempt_id bigint, completion jsonb, flaws jsonb, baseline_pico bigint, baseline_card text
)
