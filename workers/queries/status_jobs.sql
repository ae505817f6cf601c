-- How many jobs of a batch there are by stakes, tier and state, and how many of them went on to a stronger model.
SELECT stakes, tier, state, count(*) AS jobs, count(*) FILTER (WHERE stage > 0) AS escalated
FROM job WHERE batch_id = :batch
GROUP BY stakes, tier, state
