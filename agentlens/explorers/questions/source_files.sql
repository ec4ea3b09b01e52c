-- Where every source stands on disk.
SELECT source_id, path, stored_at, compression
FROM sources;
