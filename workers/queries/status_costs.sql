-- Tokens and cost of a batch by stakes and tier. Reversed accruals count as nothing.
SELECT job.stakes, job.tier,
    coalesce(sum(sign * quantity) FILTER (WHERE meter IN ('input', 'cached_read', 'cache_write')), 0) AS input_tokens,
    coalesce(sum(sign * quantity) FILTER (WHERE meter = 'output'), 0) AS output_tokens,
    coalesce(sum(CAST(amount_pico AS numeric)) FILTER (WHERE kind = 'charge'), 0) AS settled_pico,
    coalesce(sum(sign * CAST(amount_pico AS numeric)) FILTER (WHERE kind <> 'charge'), 0) AS accrued_pico
FROM (
    SELECT *, CASE kind WHEN 'reversal' THEN -1 ELSE 1 END AS sign FROM ledger_line WHERE batch_id = :batch
) AS line
JOIN job ON job.id = line.job_id
GROUP BY job.stakes, job.tier
