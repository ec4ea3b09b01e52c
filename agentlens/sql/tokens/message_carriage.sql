-- What it costs to carry a message along from call to call.
-- include: messages.context_calls
-- include: messages.span_messages
-- include: tokens.usage_ledger

-- Every message of every window, with the tokens and the money it took in all the calls it stood in. The input tokens of a call are
-- apportioned to its messages by their bytes, so that they add up to the input of the call; tool definitions, which
-- few logs show, are thereby spread over the messages. Only calls that are metered and whose messages are logged.
CREATE VIEW message_carriage (
  -- The agent in whose window it stood.
  agent_name,
  -- The conversation, else the trace.
  conversation_id,
  -- The message.
  message_hash,
  -- system, user, assistant or tool; else as logged.
  role,
  -- The tool that answered, for the result of a tool call.
  tool_name,
  -- Length of the message in bytes.
  bytes,
  -- Number of calls it stood in.
  calls,
  -- Tokens of its first call that are its own.
  first_tokens,
  -- Tokens it took in the calls after the first: the cost of carrying it along.
  carried_tokens,
  -- Money of the first call, by its share of the input, in USD; NULL where no price is known.
  first_cost_usd,
  -- Money of the calls after the first.
  carried_cost_usd,
  -- Trace of the first call.
  trace_id,
  -- The first call.
  first_span_id,
  -- The last call.
  last_span_id,
  -- When the first call began (UTC).
  start_time,
  -- When the last call began (UTC).
  end_time,
  -- Place of the first call in tree order.
  preorder
) AS
WITH sent AS (
  SELECT
    calls.agent_name, calls.conversation_id, calls.call_index, ledger.trace_id, ledger.span_id, ledger.start_time, ledger.preorder,
    message_hash, count(*) * any_value(bytes) AS size,
    any_value(ledger.input_tokens) AS input_tokens, any_value(ledger.input_cost_nano_usd) AS nano_usd
  FROM _context_calls(NULL, NULL) AS calls
  JOIN usage_ledger AS ledger USING (preorder)
  JOIN span_messages ON span_messages.trace_id = calls.trace_id AND span_messages.span_id = calls.span_id
  JOIN (SELECT message_hash, bytes FROM messages) USING (message_hash)
  WHERE is_counted AND ledger.input_tokens > 0 AND direction IN ('system', 'input')
  GROUP BY ALL
),
apportioned AS (
  SELECT
    *, input_tokens * (size / sum(size) OVER (PARTITION BY preorder)) AS tokens, nano_usd * (size / sum(size) OVER (PARTITION BY preorder)) AS nano,
    row_number() OVER (PARTITION BY agent_name, conversation_id, message_hash ORDER BY call_index) = 1 AS is_first
  FROM sent
),
carried AS (
  SELECT
    agent_name, conversation_id, message_hash, count(*) AS calls, sum(tokens) FILTER (is_first) AS first_tokens,
    coalesce(sum(tokens) FILTER (NOT is_first), 0) AS carried_tokens, sum(nano) FILTER (is_first) / 1e9 AS first_cost_usd,
    CASE WHEN count(nano) > 0 THEN coalesce(sum(nano) FILTER (NOT is_first), 0) / 1e9 END AS carried_cost_usd,
    any_value(trace_id) FILTER (is_first) AS trace_id, any_value(span_id) FILTER (is_first) AS first_span_id,
    arg_max(span_id, call_index) AS last_span_id, min(start_time) AS start_time, max(start_time) AS end_time,
    any_value(preorder) FILTER (is_first) AS preorder
  FROM apportioned
  GROUP BY ALL
),
answers AS (
  SELECT message_hash, any_value(tool_name) AS tool_name
  FROM (
    SELECT message_hash, unnest(json_extract_string(parts, '$[*].id')) AS tool_call_id FROM messages WHERE role = 'tool'
  )
  JOIN (SELECT DISTINCT tool_call_id, tool_name FROM spans WHERE tool_call_id IS NOT NULL) USING (tool_call_id)
  GROUP BY message_hash
)
SELECT
  agent_name, conversation_id, message_hash, role, answers.tool_name, bytes, calls, round(first_tokens)::BIGINT, round(carried_tokens)::BIGINT,
  first_cost_usd, carried_cost_usd, trace_id, first_span_id, last_span_id, start_time, end_time, preorder
FROM carried
JOIN (SELECT message_hash, role, bytes FROM messages) USING (message_hash)
LEFT JOIN answers USING (message_hash);
