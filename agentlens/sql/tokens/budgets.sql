-- What agents were allowed to spend, and when they had spent it.
-- include: tokens.usage_ledger

-- Which stretch a budget holds for, by the path of its key in a manifest; NULL where it names none.
CREATE MACRO _budget_level(key) AS
CASE
  WHEN regexp_matches(key, 'dai?ly|day', 'i') THEN 'day'
  WHEN regexp_matches(key, 'task|conversation|session|run|trace', 'i') THEN 'task'
  WHEN regexp_matches(key, 'call|request|step', 'i') THEN 'call'
END;

-- Every budget that a manifest declares: keys such as `usd_per_day`, `daily_tokens`, `task.usd`, `max_tokens_per_call`. A key that
-- names no stretch (`max_tokens`) is none.
CREATE VIEW agent_budgets (
  -- `gen_ai.agent.name`.
  agent_name,
  -- `call`, `task` (one conversation, else one trace) or `day` (UTC).
  level,
  -- `tokens` (input and output) or `cost_usd`.
  measure,
  -- How much may be spent.
  amount,
  -- Path of the key in the declared budget.
  key,
  -- The source that declares it.
  source_id,
  -- Line of the record.
  source_line,
  -- Byte offset of the record.
  source_offset,
  -- Length of the record in bytes.
  source_length
) AS
SELECT
  agent_name, _budget_level(fullkey), CASE WHEN regexp_matches(fullkey, 'usd|cost|dollar|money', 'i') THEN 'cost_usd' ELSE 'tokens' END,
  TRY_CAST(atom::VARCHAR AS DOUBLE), fullkey, source_id, source_line, source_offset, source_length
FROM agents, json_tree(agents.budget) AS entry
WHERE agents.budget IS NOT NULL AND TRY_CAST(atom::VARCHAR AS DOUBLE) > 0 AND _budget_level(fullkey) IS NOT NULL
  AND NOT regexp_matches(fullkey, 'warn|alert|threshold', 'i');

-- Counted records with what had been spent, before and with each, in its conversation, by its agent in that conversation, and by its
-- agent on that day; money in nano-USD.
CREATE VIEW _spending (
  -- Trace of the record.
  trace_id,
  -- Span of the record.
  span_id,
  -- The agent that spent it.
  agent_name,
  -- The conversation, else the trace.
  task,
  -- Day of use (UTC).
  date,
  -- `gen_ai.operation.name`.
  operation_name,
  -- When it began (UTC).
  start_time,
  -- When it ended (UTC).
  end_time,
  -- Input and output tokens.
  tokens,
  -- Its money.
  cost_nano_usd,
  -- Tokens of the conversation so far.
  task_tokens,
  -- Money of the conversation so far.
  task_nano_usd,
  -- Tokens of the agent in the conversation so far.
  agent_task_tokens,
  -- Money of the agent in the conversation so far.
  agent_task_nano_usd,
  -- Tokens of the agent on the day so far.
  day_tokens,
  -- Money of the agent on the day so far.
  day_nano_usd,
  -- Place in tree order.
  preorder,
  -- The source it stands in.
  source_id,
  -- Line of the record.
  source_line,
  -- Byte offset of the record.
  source_offset,
  -- Length of the record in bytes.
  source_length
) AS
SELECT
  trace_id, span_id, agent_name, coalesce(conversation_id, trace_id), start_time::DATE, operation_name, start_time, end_time,
  coalesce(input_tokens, 0)::HUGEINT + coalesce(output_tokens, 0) AS spent, cost_nano_usd,
  sum(spent) OVER task, sum(cost_nano_usd) OVER task, sum(spent) OVER agent_task, sum(cost_nano_usd) OVER agent_task,
  sum(spent) OVER day, sum(cost_nano_usd) OVER day,
  preorder, source_id, source_line, source_offset, source_length
FROM usage_ledger
WHERE is_counted AND start_time IS NOT NULL
WINDOW
  task AS (PARTITION BY coalesce(conversation_id, trace_id) ORDER BY start_time, preorder ROWS UNBOUNDED PRECEDING),
  agent_task AS (PARTITION BY agent_name, coalesce(conversation_id, trace_id) ORDER BY start_time, preorder ROWS UNBOUNDED PRECEDING),
  day AS (PARTITION BY agent_name, start_time::DATE ORDER BY start_time, preorder ROWS UNBOUNDED PRECEDING);
