-- Records that turned from skipped duplicates into rejects change their place in the account of their source.
UPDATE staged_sources AS s
SET
  rejected = s.rejected + r.rejected,
  skipped = s.skipped - r.rejected,
  skipped_reasons = json_merge_patch(
    s.skipped_reasons, json_object(getvariable('duplicate'), nullif((s.skipped_reasons->>getvariable('duplicate'))::BIGINT - r.rejected, 0))
  )
FROM (SELECT $source_id AS source_id, $rejected AS rejected) AS r
WHERE s.source_id = r.source_id;
