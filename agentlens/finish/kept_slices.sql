-- Runs of the spans in the lens whose texts together have about as many bytes as are moved at once, in the order in which
-- they are stored: those of a record are taken to share its length.
SELECT count(*) AS rows, sum(bytes)::BIGINT AS bytes
FROM (
  SELECT row, bytes, sum(bytes) OVER (ORDER BY row) // $slice_bytes AS slice
  FROM (
    SELECT rowid AS row, coalesce(source_length, 0) / count(*) OVER (PARTITION BY source_id, source_offset) AS bytes FROM spans
  )
)
GROUP BY slice
ORDER BY slice;
