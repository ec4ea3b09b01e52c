-- Totals that logs report elsewhere than in the usage of a span.

-- A session's amount of money as printed, e.g. `0.31`: exact to half a unit of its last digit.
CREATE MACRO _half_a_unit(printed) AS 0.5 * 10.0 ** -length(split_part(printed, '.', 2));

-- Every such total, with the span whose attributes hold it and what it is a total of.
CREATE VIEW _reported_totals (
  -- Place in tree order of the span that holds it.
  preorder,
  -- `running counter`, `session total`, `trace total`, `file total` or `sub-agent result`.
  kind,
  -- What it is a total of: the span's `subtree`, its `trace`, or its `source`.
  covers,
  -- Input tokens, cached ones as the log counts them.
  input_tokens,
  -- Output tokens.
  output_tokens,
  -- Input tokens served from the cache.
  cache_read,
  -- Output tokens spent on reasoning.
  reasoning,
  -- Input and output tokens together, where only that is reported.
  total,
  -- Money in USD.
  cost,
  -- How far the money may be off because it was printed rounded.
  rounding
) AS
WITH held AS (
  SELECT preorder, format, trace_id, source_id, depth, operation_name, tool_name, attributes
  FROM spans
  JOIN (SELECT source_id, format FROM sources) USING (source_id)
  WHERE format IN ('aider', 'claude_code', 'codex', 'inspect', 'langfuse', 'managed_agents', 'mlflow')
    AND (depth = 0 OR operation_name = 'invoke_agent' OR tool_name IN ('Agent', 'Task'))
),
-- Each root of a trace, and each sample of a file, repeats what its trace or file says: the first speaks for all.
first_of_trace AS (
  FROM held WHERE depth = 0 QUALIFY row_number() OVER (PARTITION BY trace_id ORDER BY preorder) = 1
),
first_of_source AS (
  FROM held WHERE depth = 0 QUALIFY row_number() OVER (PARTITION BY source_id ORDER BY preorder) = 1
),
said AS (
  SELECT
    preorder, 'running counter' AS kind, 'subtree' AS covers, attributes->>'$.total_token_usage.input_tokens' AS input_tokens,
    attributes->>'$.total_token_usage.output_tokens' AS output_tokens, attributes->>'$.total_token_usage.cached_input_tokens' AS cache_read,
    attributes->>'$.total_token_usage.reasoning_output_tokens' AS reasoning, NULL AS total, NULL AS cost, NULL AS rounding
  FROM held
  WHERE format = 'codex' AND operation_name = 'invoke_agent'
  UNION ALL
  SELECT
    preorder, 'trace total', 'trace', said->>'$.input_tokens', said->>'$.output_tokens', said->>'$.cache_read_input_tokens', NULL, NULL, NULL, NULL
  FROM (
    SELECT preorder, TRY_CAST(attributes->>'$."mlflow.info".trace_metadata."mlflow.trace.tokenUsage"' AS JSON) AS said
    FROM first_of_trace
    WHERE format = 'mlflow'
  )
  UNION ALL
  SELECT
    preorder, 'trace total', 'trace', coalesce(attributes->>'$.trace.usageDetails.input', attributes->>'$.trace.inputTokens'),
    coalesce(attributes->>'$.trace.usageDetails.output', attributes->>'$.trace.outputTokens'), NULL, NULL,
    coalesce(attributes->>'$.trace.usageDetails.total', attributes->>'$.trace.totalTokens'),
    coalesce(attributes->>'$.trace.totalCost', attributes->>'$.trace.calculatedTotalCost', attributes->>'$.trace.costDetails.total'), NULL
  FROM first_of_trace
  WHERE format = 'langfuse'
  UNION ALL
  SELECT
    preorder, 'file total', 'source', attributes->>'$.log_usage.input_tokens', attributes->>'$.log_usage.output_tokens',
    attributes->>'$.log_usage.cache_read_input_tokens', attributes->>'$.log_usage.reasoning_output_tokens', NULL, NULL, NULL
  FROM first_of_source
  WHERE format = 'inspect'
  UNION ALL
  SELECT
    preorder, 'session total', 'subtree', attributes->>'$.log_usage.input_tokens', attributes->>'$.log_usage.output_tokens',
    attributes->>'$.log_usage.cache_read_input_tokens', NULL, NULL, NULL, NULL
  FROM held
  WHERE format IN ('claude_code', 'managed_agents') AND operation_name = 'invoke_agent'
  UNION ALL
  SELECT
    preorder, 'sub-agent result', 'subtree', (coalesce(TRY_CAST(said->>'$.input_tokens' AS BIGINT), 0) + coalesce(TRY_CAST(said->>'$.cache_read_input_tokens' AS BIGINT), 0)
      + coalesce(TRY_CAST(said->>'$.cache_creation_input_tokens' AS BIGINT), 0))::VARCHAR, said->>'$.output_tokens', said->>'$.cache_read_input_tokens',
    NULL, NULL, NULL, NULL
  FROM (SELECT *, json_extract(attributes, '$.toolUseResult.usage') AS said FROM held)
  WHERE format = 'claude_code' AND tool_name IN ('Agent', 'Task') AND said IS NOT NULL
  UNION ALL
  SELECT
    preorder, 'session total', 'subtree', NULL, NULL, NULL, NULL, NULL, attributes->>'$.session_cost_usd',
    _half_a_unit(attributes->>'$.session_cost_usd')
  FROM held
  WHERE format = 'aider' AND depth = 0
),
counted AS (
  SELECT
    preorder, kind, covers, TRY_CAST(input_tokens AS BIGINT) AS input_tokens, TRY_CAST(output_tokens AS BIGINT) AS output_tokens,
    TRY_CAST(cache_read AS BIGINT) AS cache_read, TRY_CAST(reasoning AS BIGINT) AS reasoning,
    CASE WHEN input_tokens IS NULL OR output_tokens IS NULL THEN TRY_CAST(total AS BIGINT) END AS total,
    TRY_CAST(cost AS DOUBLE) AS cost, coalesce(rounding, 0) AS rounding
  FROM said
)
FROM counted WHERE coalesce(input_tokens, output_tokens, total) IS NOT NULL OR cost IS NOT NULL;
