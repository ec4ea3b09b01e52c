-- Whole runs: one row a trace, one row a conversation.
-- include: spans.errors
-- include: tokens.usage_ledger

-- Every trace: what it was, who worked in it, how long, how it ended and what it cost.
CREATE VIEW traces (
  -- The trace.
  trace_id,
  -- Name of its first root span.
  name,
  -- The agent of its first root span.
  agent_name,
  -- The conversation of its first root span.
  conversation_id,
  -- Number of distinct agents at work.
  agents,
  -- Number of spans.
  spans,
  -- Number of trees: more than one means that spans are missing or that the trace has several roots.
  roots,
  -- First moment (UTC).
  start_time,
  -- Last moment (UTC).
  end_time,
  -- From the first moment to the last, in nanoseconds.
  duration_ns,
  -- Status of the first root span.
  status_code,
  -- Number of failures, each counted at its innermost span.
  errors,
  -- Number of spans that began and never ended.
  unfinished,
  -- Input tokens, each usage record counted once.
  input_tokens,
  -- Output tokens, likewise.
  output_tokens,
  -- Money in USD, as far as it is priced; NULL where nothing is.
  cost_usd,
  -- Number of counted usage records without a price.
  unpriced,
  -- Its spans are those with `preorder` from here ...
  preorder,
  -- ... to just before here.
  subtree_end
) AS
WITH grouped AS (
  SELECT
    trace_id, count(*) AS spans, count(DISTINCT agent_name) AS agents, count(*) FILTER (depth = 0) AS roots,
    min(start_time) AS start_time, max(coalesce(end_time, start_time)) AS end_time,
    count(*) FILTER (start_time IS NOT NULL AND end_time IS NULL) AS unfinished,
    min(preorder) AS preorder, max(subtree_end) AS subtree_end
  FROM spans
  GROUP BY trace_id
),
failures AS (SELECT trace_id, count(*) AS errors FROM errors GROUP BY trace_id),
usage AS (
  SELECT
    trace_id, sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens, sum(cost_nano_usd) AS cost_nano_usd,
    count(*) FILTER (cost_usd IS NULL) AS unpriced
  FROM usage_ledger
  WHERE is_counted
  GROUP BY trace_id
)
SELECT
  trace_id, root.name, root.agent_name, root.conversation_id, agents, spans, roots, grouped.start_time, grouped.end_time,
  epoch_ns(grouped.end_time) - epoch_ns(grouped.start_time), root.status_code, coalesce(errors, 0), unfinished,
  _whole(usage.input_tokens), _whole(usage.output_tokens), cost_nano_usd / 1e9, coalesce(unpriced, 0), grouped.preorder, grouped.subtree_end
FROM grouped
JOIN spans AS root USING (trace_id, preorder)
LEFT JOIN failures USING (trace_id)
LEFT JOIN usage USING (trace_id);

-- Every conversation (session) across its traces.
CREATE VIEW conversations (
  -- The conversation.
  conversation_id,
  -- The agent of its first root span.
  agent_name,
  -- Number of distinct agents at work.
  agents,
  -- Number of traces.
  traces,
  -- Number of spans.
  spans,
  -- Number of model calls, nested ones included.
  model_calls,
  -- First moment (UTC).
  start_time,
  -- Last moment (UTC).
  end_time,
  -- From the first moment to the last, in nanoseconds.
  duration_ns,
  -- Number of failures, each counted at its innermost span.
  errors,
  -- Input tokens, each usage record counted once.
  input_tokens,
  -- Output tokens, likewise.
  output_tokens,
  -- Money in USD, as far as it is priced; NULL where nothing is.
  cost_usd,
  -- Number of counted usage records without a price.
  unpriced
) AS
WITH grouped AS (
  SELECT
    conversation_id, arg_min(agent_name, preorder) AS agent_name, count(DISTINCT agent_name) AS agents,
    count(DISTINCT trace_id) AS traces, count(*) AS spans, count(*) FILTER (_span_kind(operation_name) = 'model') AS model_calls,
    min(start_time) AS start_time, max(coalesce(end_time, start_time)) AS end_time
  FROM spans
  WHERE conversation_id IS NOT NULL
  GROUP BY conversation_id
),
failures AS (
  SELECT conversation_id, count(*) AS errors
  FROM errors JOIN spans USING (preorder)
  GROUP BY conversation_id
),
usage AS (
  SELECT
    conversation_id, sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
    sum(cost_nano_usd) AS cost_nano_usd, count(*) FILTER (cost_usd IS NULL) AS unpriced
  FROM usage_ledger
  WHERE is_counted
  GROUP BY conversation_id
)
SELECT
  conversation_id, agent_name, agents, traces, spans, model_calls, start_time, end_time,
  epoch_ns(end_time) - epoch_ns(start_time), coalesce(errors, 0), _whole(input_tokens), _whole(output_tokens),
  cost_nano_usd / 1e9, coalesce(unpriced, 0)
FROM grouped
LEFT JOIN failures USING (conversation_id)
LEFT JOIN usage USING (conversation_id);
