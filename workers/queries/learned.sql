-- What came back before for the tenants and templates of a batch.
SELECT h.tenant, h.template, h.model, h.answers, h.output_tokens, h.flawed
FROM answer_history h
JOIN (SELECT DISTINCT tenant, template FROM job WHERE batch_id = :batch AND template IS NOT NULL) t
    USING (tenant, template)
ORDER BY h.tenant, h.template, h.model
