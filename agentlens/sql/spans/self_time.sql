-- Where the time went: what a span did itself, and what it only waited for.

-- Self time of every span: its duration without the time in which at least one of its children ran.
-- Children may run side by side, so their union is taken away, not their sum; a child counts only while its parent
-- runs, and a child without an end counts until the parent's end.
CREATE VIEW span_self_time (
  -- Trace of the span.
  trace_id,
  -- The span.
  span_id,
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
  -- Duration in nanoseconds.
  duration_ns,
  -- Nanoseconds in which at least one child ran.
  children_ns,
  -- Nanoseconds in which none did; NULL where the duration is unknown or negative.
  self_time_ns
) AS
WITH children AS (
  SELECT
    parent.preorder AS parent_preorder,
    greatest(epoch_ns(child.start_time), epoch_ns(parent.start_time)) AS starts,
    least(coalesce(epoch_ns(child.end_time), epoch_ns(parent.end_time)), epoch_ns(parent.end_time)) AS ends
  FROM spans AS child
  ASOF JOIN spans AS parent ON parent.depth = child.depth - 1 AND parent.preorder < child.preorder
  WHERE child.start_time < parent.end_time
),
gains AS (
  SELECT parent_preorder, ends - greatest(starts, coalesce(max(ends) OVER before, starts)) AS gained
  FROM children
  WHERE ends > starts
  WINDOW before AS (
    PARTITION BY parent_preorder ORDER BY starts, ends ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
  )
),
covered AS (
  SELECT parent_preorder, sum(greatest(gained, 0))::BIGINT AS children_ns FROM gains GROUP BY parent_preorder
)
SELECT
  trace_id, span_id, name, operation_name, agent_name, start_time, end_time, duration_ns,
  CASE WHEN duration_ns >= 0 THEN coalesce(children_ns, 0) END,
  CASE WHEN duration_ns >= 0 THEN duration_ns - coalesce(children_ns, 0) END
FROM spans
LEFT JOIN covered ON covered.parent_preorder = spans.preorder;
