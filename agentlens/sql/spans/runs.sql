-- In which run of an agent a step was taken.

-- For every model call and tool call of some traces, the innermost invoke_agent span it stands in, NULL outside all runs.
-- Found by counting open runs: at nesting level n, the last run of level n that began before a call is the one around it.
-- Argument: a list of traces.
CREATE MACRO _run_around_calls(of_trace_ids) AS TABLE
WITH picked AS MATERIALIZED (SELECT unnest(of_trace_ids) AS trace_id),
runs AS MATERIALIZED (
  SELECT preorder, subtree_end FROM spans SEMI JOIN picked USING (trace_id) WHERE operation_name = 'invoke_agent'
),
levels AS MATERIALIZED (
  SELECT place, sum(sum(step)) OVER (ORDER BY place) AS level
  FROM (SELECT preorder AS place, 1 AS step FROM runs UNION ALL SELECT subtree_end, -1 FROM runs)
  GROUP BY place
),
levelled_runs AS (SELECT preorder, level FROM runs JOIN levels ON place = preorder),
-- From each place to the next the same run is the innermost one: the last that began on the level reached. There are fewer places than calls.
innermost AS (
  SELECT place, runs.preorder AS run_preorder
  FROM levels
  ASOF LEFT JOIN levelled_runs AS runs ON runs.level = levels.level AND runs.preorder <= place
)
SELECT calls.preorder, run_preorder
FROM (
  FROM spans
  SEMI JOIN picked USING (trace_id)
  WHERE operation_name IN ('execute_tool', 'chat', 'generate_content', 'text_completion')
) AS calls
ASOF LEFT JOIN innermost ON place <= calls.preorder;

-- The same without the calls outside all runs. Argument: a list of traces.
CREATE MACRO _runs_of_calls(of_trace_ids) AS TABLE
FROM _run_around_calls(of_trace_ids) WHERE run_preorder IS NOT NULL;
