-- Write down how calls ended, once each: an attempt that is closed already stays as it is. A call that had been given
-- up as uncertain and is now known becomes reconciled.
WITH given AS (
    SELECT * FROM jsonb_to_recordset(CAST(:attempts AS jsonb)) AS g (
        id bigint, state text, outcome text, status smallint, request_id text, served_model text, finish_reason text,
        input_tokens int, cached_read_tokens int, cache_write_tokens int, output_tokens int, flaws jsonb, latency_ms int
    )
), before AS (
    SELECT attempt.id, attempt.state FROM attempt JOIN given USING (id)
    WHERE attempt.state = 'sent' OR (attempt.state = 'uncertain' AND given.state <> 'uncertain')
    ORDER BY attempt.id FOR UPDATE OF attempt
)
UPDATE attempt SET
    state = CASE WHEN before.state = 'uncertain' THEN 'reconciled' ELSE given.state END,
    ended_at = now(), outcome = given.outcome, status = given.status, request_id = given.request_id,
    served_model = given.served_model, finish_reason = given.finish_reason,
    input_tokens = given.input_tokens, cached_read_tokens = given.cached_read_tokens,
    cache_write_tokens = given.cache_write_tokens, output_tokens = given.output_tokens,
    flaws = ARRAY(SELECT jsonb_array_elements_text(given.flaws)), latency_ms = given.latency_ms
FROM given JOIN before USING (id)
WHERE attempt.id = given.id
RETURNING attempt.id, before.state AS before
