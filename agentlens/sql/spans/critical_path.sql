-- What the end of a trace waited for.

-- The critical path of one trace, as columns of `span_critical_path`; of every trace when the argument is NULL.
CREATE MACRO trace_critical_path(of_trace_id) AS TABLE
WITH RECURSIVE
children AS (
  SELECT
    child.preorder, parent.preorder AS parent_preorder,
    greatest(epoch_ns(child.start_time), epoch_ns(parent.start_time)) AS starts,
    least(coalesce(epoch_ns(child.end_time), epoch_ns(parent.end_time)), epoch_ns(parent.end_time)) AS ends
  FROM spans AS child
  ASOF JOIN spans AS parent ON parent.depth = child.depth - 1 AND parent.preorder < child.preorder
  WHERE child.start_time IS NOT NULL AND parent.end_time IS NOT NULL
    AND (of_trace_id IS NULL OR (child.trace_id = of_trace_id AND parent.trace_id = of_trace_id))
),
clipped AS (FROM children WHERE ends >= starts),
-- Of several children ending at one moment, the one that began first.
enders AS (
  SELECT parent_preorder, ends, arg_min(preorder, (starts, preorder)) AS preorder
  FROM clipped
  GROUP BY parent_preorder, ends
),
steps AS MATERIALIZED (
  SELECT parent_preorder AS here, arg_max(preorder, ends) AS next FROM enders GROUP BY parent_preorder
  UNION ALL
  -- A sibling without duration is preceded by what ended strictly before it, so that no step leads back.
  SELECT clipped.preorder, enders.preorder
  FROM clipped
  ASOF JOIN enders
    ON enders.parent_preorder = clipped.parent_preorder
    AND enders.ends <= clipped.starts - (clipped.starts = clipped.ends)::BIGINT
),
path AS (
  SELECT preorder FROM spans WHERE depth = 0 AND duration_ns >= 0 AND (of_trace_id IS NULL OR trace_id = of_trace_id)
  UNION ALL
  SELECT steps.next FROM path JOIN steps ON steps.here = path.preorder
),
on_path AS (
  SELECT spans.*, clipped.parent_preorder, coalesce(clipped.ends - clipped.starts, spans.duration_ns) AS length
  FROM path JOIN spans USING (preorder) LEFT JOIN clipped USING (preorder)
),
below AS (
  SELECT parent_preorder AS preorder, sum(length) AS length FROM on_path WHERE parent_preorder IS NOT NULL GROUP BY ALL
)
SELECT
  trace_id, span_id, root_span_id,
  row_number() OVER (PARTITION BY trace_id, root_span_id ORDER BY start_time, preorder) - 1 AS position,
  depth, name, operation_name, agent_name, start_time, end_time,
  greatest(on_path.length - coalesce(below.length, 0), 0)::BIGINT AS path_ns
FROM on_path
LEFT JOIN below USING (preorder);

-- The chain of spans that decided when each root ended: from the root to its last-ending child, then to the sibling
-- that had ended last before that one began, and so on, at every level. Shortening a span that is not on it changes nothing.
-- A child counts only while its parent runs; a child without an end counts until the parent's end; ties go to the one that began first.
CREATE VIEW span_critical_path (
  -- Trace of the span.
  trace_id,
  -- The span.
  span_id,
  -- Root of the tree whose end is explained.
  root_span_id,
  -- Place on the path in order of time, from 0.
  position,
  -- Number of ancestors.
  depth,
  -- Name as logged.
  name,
  -- `gen_ai.operation.name`.
  operation_name,
  -- The agent that did it.
  agent_name,
  -- When it began (UTC).
  start_time,
  -- When it ended (UTC).
  end_time,
  -- Nanoseconds of the path that are its own: its time without the children that are on the path.
  path_ns
) AS
FROM trace_critical_path(NULL);
