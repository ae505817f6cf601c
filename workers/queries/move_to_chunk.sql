UPDATE job SET chunk_id = :chunk WHERE id = ANY(:jobs)
