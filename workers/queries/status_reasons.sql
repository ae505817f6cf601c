-- Why jobs of a batch are parked or failed: how many, the words for the first of them, and what the parked ones would
-- cost where they may run.
SELECT state, reason, count(*) AS jobs,
    (array_agg(reason_says ORDER BY line))[1] AS says,
    (array_agg(custom_id ORDER BY line))[1] AS example,
    count(decision #>> '{parked,price_pico}') AS priced,
    coalesce(sum(CAST(decision #>> '{parked,price_pico}' AS numeric)), 0) AS price_pico
FROM job
WHERE batch_id = :batch AND state IN ('parked', 'failed')
GROUP BY state, reason
ORDER BY state DESC, jobs DESC, reason
