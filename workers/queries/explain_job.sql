-- One job with what its decision read, by its batch and custom_id or by its number.
SELECT job.*, batch.plan_inputs, batch.state AS batch_state, result.attempt_id AS accepted_attempt,
    result.baseline_pico, result.baseline_card
FROM job JOIN batch ON batch.id = job.batch_id LEFT JOIN result ON result.job_id = job.id
WHERE CASE WHEN CAST(:job AS bigint) IS NULL THEN job.batch_id = :batch AND job.custom_id = :custom_id
    ELSE job.id = CAST(:job AS bigint) END
