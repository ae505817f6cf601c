-- What was used and what it cost, by the dimensions named in :by; the row where "whole" is 1 is the total of all.
-- A dimension that isn't named is NULL throughout, so grouping by all ten of them groups by those that are.
-- An accepted answer counts once, in the group of the first line of the attempt that gave it.
WITH line AS (
    SELECT
        CASE WHEN 'cost_centre' = ANY(:by) THEN cost_centre END AS cost_centre,
        CASE WHEN 'tenant' = ANY(:by) THEN tenant END AS tenant,
        CASE WHEN 'project' = ANY(:by) THEN project END AS project,
        CASE WHEN 'provider' = ANY(:by) THEN provider END AS provider,
        CASE WHEN 'endpoint' = ANY(:by) THEN endpoint END AS endpoint,
        CASE WHEN 'model' = ANY(:by) THEN model END AS model,
        CASE WHEN 'tier' = ANY(:by) THEN tier END AS tier,
        CASE WHEN 'purpose' = ANY(:by) THEN purpose END AS purpose,
        CASE WHEN 'batch' = ANY(:by) THEN batch_id END AS batch,
        CASE WHEN 'day' = ANY(:by) THEN CAST(occurred_at AT TIME ZONE 'UTC' AS date) END AS day,
        attempt_id,
        meter,
        kind,
        CASE kind WHEN 'reversal' THEN -amount_pico ELSE amount_pico END AS amount_pico,
        CASE kind WHEN 'reversal' THEN -quantity ELSE quantity END AS quantity,
        row_number() OVER (PARTITION BY attempt_id ORDER BY id) = 1 AS first_of_attempt
    FROM ledger_line
    WHERE (CAST(:tenant AS text) IS NULL OR tenant = :tenant)
        AND (CAST(:batch AS text) IS NULL OR batch_id = :batch)
        AND (CAST(:since AS timestamptz) IS NULL OR occurred_at >= :since)
        AND (CAST(:until AS timestamptz) IS NULL OR occurred_at < :until)
)
SELECT
    cost_centre, tenant, project, provider, endpoint, model, tier, purpose, batch, day,
    GROUPING(day) AS whole,
    count(DISTINCT line.attempt_id) AS calls,
    coalesce(sum(quantity) FILTER (WHERE meter = 'input'), 0) AS input_tokens,
    coalesce(sum(quantity) FILTER (WHERE meter = 'cached_read'), 0) AS cached_read_tokens,
    coalesce(sum(quantity) FILTER (WHERE meter = 'cache_write'), 0) AS cache_write_tokens,
    coalesce(sum(quantity) FILTER (WHERE meter = 'output'), 0) AS output_tokens,
    coalesce(sum(CAST(amount_pico AS numeric)) FILTER (WHERE kind = 'charge'), 0) AS settled_pico,
    coalesce(sum(CAST(amount_pico AS numeric)) FILTER (WHERE kind <> 'charge'), 0) AS accrued_pico,
    count(result.job_id) AS accepted,
    coalesce(sum(CAST(result.baseline_pico AS numeric)), 0) AS baseline_pico,
    coalesce(array_agg(DISTINCT result.baseline_card) FILTER (WHERE result.job_id IS NOT NULL), '{}') AS baseline_cards
FROM line
LEFT JOIN result ON line.first_of_attempt AND result.attempt_id = line.attempt_id
GROUP BY GROUPING SETS (
    (cost_centre, tenant, project, provider, endpoint, model, tier, purpose, batch, day),
    ()
)
