-- The texts that a batch was planned by.
SELECT policy.content AS policy_text, policy.digest AS policy_digest,
    catalogue.content AS catalogue_text, catalogue.digest AS catalogue_digest
FROM batch
JOIN rulebook AS policy ON policy.digest = batch.policy_digest
JOIN rulebook AS catalogue ON catalogue.digest = batch.catalogue_digest
WHERE batch.id = :batch
