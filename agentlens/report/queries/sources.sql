-- What was read: records = accepted + rejected + skipped, for every file.
SELECT
  source_id, path, stored_at, sha256, bytes, compression, format, dialect, records, accepted, rejected, skipped, skipped_reasons,
  first_time, last_time, coalesce(known_missing, []) AS known_missing
FROM sources
ORDER BY path
