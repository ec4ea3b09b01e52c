-- What the trace tree draws of each span in `shown`: one row a span, in tree order. No value is NULL except numbers.
WITH found AS (
  SELECT spans.trace_id, spans.span_id, min(severity_rank(severity)) AS rank
  FROM (SELECT trace_id, severity, unnest(span_ids) AS span_id FROM findings) AS proof
  JOIN spans ON spans.span_id = proof.span_id AND (proof.trace_id IS NULL OR proof.trace_id = spans.trace_id)
  GROUP BY ALL
),
-- A version is stamped on the first span of an agent that has another one than the span before.
versions AS (
  SELECT
    preorder, prompt_version, agent_version, model,
    lag(prompt_version IGNORE NULLS) OVER spans_of_agent AS prompt_before,
    lag(agent_version IGNORE NULLS) OVER spans_of_agent AS agent_before,
    lag(model IGNORE NULLS) OVER spans_of_agent AS model_before
  FROM (
    SELECT
      preorder, agent_name, start_time, prompt_version, agent_version,
      CASE WHEN operation_name IN ('chat', 'generate_content', 'text_completion') THEN coalesce(response_model, request_model) END AS model
    FROM spans
    WHERE operation_name IS NOT NULL AND (prompt_version IS NOT NULL OR agent_version IS NOT NULL OR response_model IS NOT NULL OR request_model IS NOT NULL)
  )
  WINDOW spans_of_agent AS (PARTITION BY agent_name ORDER BY start_time, preorder)
),
stamps AS (
  SELECT
    preorder,
    concat_ws(', ',
      CASE WHEN prompt_version <> prompt_before THEN 'prompt ' || prompt_before || ' → ' || prompt_version END,
      CASE WHEN agent_version <> agent_before THEN 'agent ' || agent_before || ' → ' || agent_version END,
      CASE WHEN model <> model_before THEN 'model ' || model_before || ' → ' || model END) AS stamp
  FROM versions
  WHERE prompt_version <> prompt_before OR agent_version <> agent_before OR model <> model_before
),
-- One record a span; of several, the one that counts.
usage AS (
  FROM usage_ledger
  QUALIFY row_number() OVER (PARTITION BY preorder ORDER BY is_counted DESC) = 1
),
-- The same again, after it failed.
retries AS (
  SELECT preorder
  FROM (
    SELECT
      *, hash(operation_name, tool_name, CASE WHEN operation_name = 'execute_tool' THEN tool_call_arguments ELSE parent_span_id END) AS deed
    FROM spans
    WHERE operation_name IN ('execute_tool', 'chat', 'generate_content', 'text_completion', 'embeddings', 'retrieval')
  )
  QUALIFY lag(status_code = 'ERROR' AND NOT is_control_flow)
    OVER (PARTITION BY trace_id, agent_name, deed ORDER BY start_time, preorder)
)
SELECT
  spans.preorder, spans.subtree_end, spans.trace_id, spans.span_id,
  coalesce(left(spans.name, 160), '') AS name,
  coalesce(left(spans.agent_name, 80), '') AS agent,
  coalesce(spans.operation_name, '') AS operation,
  coalesce(left(spans.tool_name, 80), '') AS tool,
  coalesce(left(coalesce(spans.response_model, spans.request_model), 80), '') AS model,
  coalesce(left(stamps.stamp, 160), '') AS stamp,
  epoch_ns(spans.start_time) AS start_ns,
  spans.duration_ns,
  CASE spans.status_code WHEN 'ERROR' THEN 2 WHEN 'OK' THEN 1 ELSE 0 END AS status,
  CASE WHEN usage.is_counted
    THEN greatest(coalesce(usage.input_tokens, 0), 0) + greatest(coalesce(usage.output_tokens, 0), 0) ELSE 0 END AS tokens,
  CASE WHEN usage.is_counted THEN usage.cost_usd END AS cost,
  -- What the ledger says of the span's usage, for its details.
  usage.role, usage.rule, usage.is_counted, usage.cost_usd, usage.cost_source,
  spans.is_orphan::INTEGER
    + 2 * (spans.start_time IS NOT NULL AND spans.end_time IS NULL)::INTEGER
    + 4 * (found.span_id IS NOT NULL)::INTEGER
    + 8 * spans.is_control_flow::INTEGER
    + 16 * (path.span_id IS NOT NULL)::INTEGER
    + 32 * spans.is_cycle_broken::INTEGER
    + 64 * coalesce(found.rank = 2, false)::INTEGER
    + 128 * coalesce(found.rank = 1, false)::INTEGER
    + 256 * (retries.preorder IS NOT NULL)::INTEGER AS flags
FROM shown
JOIN spans USING (preorder)
LEFT JOIN usage USING (preorder)
LEFT JOIN stamps USING (preorder)
LEFT JOIN retries USING (preorder)
LEFT JOIN found ON found.span_id = spans.span_id AND found.trace_id = spans.trace_id
LEFT JOIN (SELECT DISTINCT trace_id, span_id FROM span_critical_path) AS path
  ON path.span_id = spans.span_id AND path.trace_id = spans.trace_id
ORDER BY spans.preorder;
