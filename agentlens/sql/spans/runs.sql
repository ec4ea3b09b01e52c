-- In which run of an agent a step was taken.

-- For every model call and tool call, the innermost invoke_agent span it stands in; NULL outside all runs. Found by counting open
-- runs: at nesting level n, the last run of level n that began before a step is the one around it.
CREATE VIEW _run_of_call (
  -- Place of the call in tree order.
  preorder,
  -- Place of the run in tree order.
  run_preorder
) AS
WITH runs AS (SELECT preorder, subtree_end FROM spans WHERE operation_name = 'invoke_agent'),
levels AS (
  SELECT place, sum(sum(step)) OVER (ORDER BY place) AS level
  FROM (SELECT preorder AS place, 1 AS step FROM runs UNION ALL SELECT subtree_end, -1 FROM runs)
  GROUP BY place
),
levelled_runs AS (SELECT preorder, level FROM runs JOIN levels ON place = preorder),
levelled_calls AS (
  SELECT calls.preorder, level
  FROM (FROM spans WHERE operation_name IN ('execute_tool', 'chat', 'generate_content', 'text_completion')) AS calls
  ASOF JOIN levels ON place <= calls.preorder
)
SELECT calls.preorder, runs.preorder
FROM levelled_calls AS calls
ASOF LEFT JOIN levelled_runs AS runs ON runs.level = calls.level AND runs.preorder < calls.preorder
WHERE calls.level > 0;
