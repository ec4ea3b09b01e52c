-- The run to hold beside a harmed one: the last of the same name before it in which nothing grave was found.
WITH runs AS (
  SELECT trace_id, start_time, spans, regexp_replace(name, '\d+', '#', 'g') AS kind FROM traces WHERE start_time IS NOT NULL
),
grave AS (SELECT DISTINCT trace_id FROM findings WHERE severity IN ('critical', 'warning') AND trace_id IS NOT NULL)
SELECT other.trace_id
FROM runs AS harmed
JOIN runs AS other ON other.kind = harmed.kind AND other.start_time < harmed.start_time
ANTI JOIN grave ON grave.trace_id = other.trace_id
WHERE harmed.trace_id = $trace_id AND harmed.spans <= 2000 AND other.spans <= 2000
ORDER BY other.start_time DESC, other.trace_id
LIMIT 1
