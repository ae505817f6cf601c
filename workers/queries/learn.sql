INSERT INTO answer_history AS h (tenant, template, model, answers, output_tokens, flawed)
VALUES (:tenant, :template, :model, :answers, :output_tokens, :flawed)
ON CONFLICT (tenant, template, model) DO UPDATE SET
    answers = h.answers + excluded.answers,
    output_tokens = h.output_tokens + excluded.output_tokens,
    flawed = h.flawed + excluded.flawed
