-- How the calls of a batch ended so far, and how many of them the stand-in answered in a provider's place.
SELECT count(*) AS made,
    count(*) FILTER (WHERE state = 'sent') AS under_way,
    count(*) FILTER (WHERE state = 'uncertain') AS uncertain,
    count(*) FILTER (WHERE state = 'unbilled') AS unbilled,
    count(*) FILTER (WHERE standin) AS standin
FROM attempt WHERE batch_id = :batch
