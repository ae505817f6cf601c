INSERT INTO rulebook (digest, kind, content) VALUES (:digest, :kind, :content) ON CONFLICT (digest) DO NOTHING
