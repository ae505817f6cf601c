UPDATE job SET lease_until = now() + make_interval(secs => :lease_s)
WHERE id IN (
    SELECT id FROM job WHERE id = ANY(:jobs) AND state = 'running' AND lease_token = ANY(:tokens)
    ORDER BY id FOR UPDATE SKIP LOCKED
)
