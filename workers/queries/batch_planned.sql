UPDATE batch SET state = 'planned', planned_at = now(), plan_inputs = CAST(:inputs AS jsonb),
    policy_digest = :policy_digest, catalogue_digest = :catalogue_digest
WHERE id = :id
