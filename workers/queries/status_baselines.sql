-- What the accepted answers of a batch would have cost on the reference model, by stakes and tier.
SELECT job.stakes, job.tier, sum(CAST(result.baseline_pico AS numeric)) AS baseline_pico,
    array_agg(DISTINCT result.baseline_card) AS cards
FROM job JOIN result ON result.job_id = job.id
WHERE job.batch_id = :batch
GROUP BY job.stakes, job.tier
