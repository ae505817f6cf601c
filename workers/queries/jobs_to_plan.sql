-- A page of a batch's jobs, in the order of their lines.
SELECT id, line, custom_id, body, asked_model, facts, assessment, prompt_tokens, prefix_tokens, template
FROM job WHERE batch_id = :batch AND line > :after ORDER BY line LIMIT :page
