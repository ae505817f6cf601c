-- Take an idempotency key. Waits for whoever is taking the same key at this moment; no row when it was taken before.
INSERT INTO batch (id, tenant, state, way_in, content_digest, jobs, bad_lines, budget_pico)
VALUES (:id, :tenant, 'accepted', :way_in, '', 0, 0, :budget_pico)
ON CONFLICT (id) DO NOTHING
RETURNING id
