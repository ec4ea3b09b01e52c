-- The same one by one, in order of time.
WITH shown AS ({shown}),
passed AS (
{passed}
)
SELECT
  from_agent AS "from", to_agent AS "to", kind, is_error AS failed, status,
  left(CASE WHEN json_valid(text) THEN coalesce(
    text->>'$.task', text->>'$.description', text->>'$.prompt', text->>'$.message', text->>'$.summary', text->>'$.text', text
  ) ELSE text END, 300) AS text,
  span_id, to_span_id,
  epoch_ns(start_time) / 1e6 AS start_ms,
  CASE WHEN kind = 'delegation' THEN epoch_ns(end_time) / 1e6 END AS end_ms
FROM passed
WHERE from_agent IS NOT NULL AND to_agent IS NOT NULL
ORDER BY start_time NULLS LAST, kind, "from", "to"
LIMIT 3000
