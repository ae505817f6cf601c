-- How far a batch is: its jobs by tier and state, and those that ended by a call within the last :window seconds.
SELECT job.tier, job.state, count(*) AS jobs,
    count(*) FILTER (
        WHERE job.ended_at > batch.planned_at AND job.ended_at > now() - make_interval(secs => :window)
    ) AS lately
FROM batch JOIN job ON job.batch_id = batch.id
WHERE batch.id = :batch
GROUP BY job.tier, job.state
