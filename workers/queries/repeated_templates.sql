-- Templates that more than one job of a batch shares.
SELECT template, count(*) AS jobs FROM job
WHERE batch_id = :batch AND template IS NOT NULL GROUP BY template HAVING count(*) > 1
