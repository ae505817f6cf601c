INSERT INTO hold (batch_id, amount_pico, state, expires_at)
VALUES (:batch_id, :amount_pico, 'active', now() + make_interval(days => :days))
