-- Whether a batch is over, and how many of its jobs have ended.
SELECT batch.state, batch.jobs, batch.bad_lines,
    (SELECT count(*) FROM job WHERE job.batch_id = batch.id AND job.ended_at IS NOT NULL) AS ended
FROM batch WHERE batch.id = :batch
