-- The spans as trees: who caused whom, from root to leaf.
-- include: spans.kinds

-- Every span in tree order: a parent stands before its children, and a subtree is an unbroken range of `preorder`.
CREATE VIEW span_tree (
  -- Trace of the span.
  trace_id,
  -- The span.
  span_id,
  -- The span above it in the tree, as logged or because that one spawned it; NULL for a root, also for an orphan or a span
  -- whose link closed a cycle.
  parent_span_id,
  -- Root of its tree.
  root_span_id,
  -- Number of ancestors.
  depth,
  -- Place in the depth-first order of the whole lens.
  preorder,
  -- `preorder` of the first span after the subtree.
  subtree_end,
  -- Number of spans below it, at any depth.
  descendants,
  -- `agent`, `model`, `tool`, `retrieval`, `workflow` or `step` (plumbing).
  kind,
  -- Name as logged.
  name,
  -- What to call it in one or two words: the tool, the model or the agent, else the name.
  label,
  -- The label, indented by its depth: the tree as text.
  indented,
  -- `gen_ai.operation.name`.
  operation_name,
  -- The agent that did it.
  agent_name,
  -- When it began (UTC).
  start_time,
  -- When it ended (UTC); NULL when unfinished.
  end_time,
  -- Duration in nanoseconds.
  duration_ns,
  -- UNSET, OK or ERROR.
  status_code,
  -- What the log says about the status.
  status_message,
  -- True where the span stands as a root because its parent is missing or its link closed a cycle.
  is_torn
) AS
WITH spawned AS (
  SELECT linked_trace_id AS trace_id, linked_span_id AS span_id, min(span_id) AS spawning_span_id
  FROM span_links
  WHERE attributes->>'$."agentlens.relation"' = 'spawned'
  GROUP BY ALL
)
SELECT
  trace_id, span_id, CASE WHEN depth > 0 THEN coalesce(parent_span_id, spawning_span_id) END, root_span_id, depth,
  preorder, subtree_end, subtree_end - preorder - 1, _span_kind(operation_name), name,
  _span_label(operation_name, name, tool_name, response_model, request_model, agent_name),
  repeat('  ', least(depth, 100)) || _span_label(operation_name, name, tool_name, response_model, request_model, agent_name),
  operation_name, agent_name, start_time, end_time, duration_ns, status_code, status_message,
  is_orphan OR is_cycle_broken
FROM spans
LEFT JOIN spawned USING (trace_id, span_id);

-- The ancestors of a span from the root down, the span itself last. Arguments: the trace and the span.
CREATE MACRO span_path(of_trace_id, of_span_id) AS TABLE
SELECT above.*
FROM spans AS here
JOIN span_tree AS above ON above.preorder <= here.preorder AND above.subtree_end > here.preorder
WHERE here.trace_id = of_trace_id AND here.span_id = of_span_id
ORDER BY above.preorder;

-- A span and all that happened below it, in tree order. Arguments: the trace and the span.
CREATE MACRO span_subtree(of_trace_id, of_span_id) AS TABLE
SELECT below.*
FROM span_tree AS below
WHERE below.preorder >= (SELECT min(preorder) FROM spans WHERE trace_id = of_trace_id AND span_id = of_span_id)
  AND below.preorder < (SELECT min(subtree_end) FROM spans WHERE trace_id = of_trace_id AND span_id = of_span_id)
ORDER BY below.preorder;
