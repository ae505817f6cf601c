-- Take a batch for planning; no row when it is planned already or somebody is planning it.
SELECT id, tenant, budget_pico FROM batch WHERE id = :id AND state = 'accepted' FOR UPDATE SKIP LOCKED
