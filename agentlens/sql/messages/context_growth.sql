-- What the model was shown, call after call: how the window fills, and what falls out of it.
-- include: spans.calls

-- Every model call in the order of its agent and conversation, with what its input holds, and what came and went since the
-- agent's call before. Calls without logged messages have NULL counts and do not interrupt the comparison.
CREATE VIEW context_growth (
  -- Trace of the call.
  trace_id,
  -- Span of the call.
  span_id,
  -- The agent that called.
  agent_name,
  -- The conversation, else the trace.
  conversation_id,
  -- Number of the call within agent and conversation, from 1.
  call_number,
  -- When it began (UTC).
  start_time,
  -- The model that answered, else the one that was asked for.
  model,
  -- Input tokens, cached ones included.
  input_tokens,
  -- Output tokens, reasoning included.
  output_tokens,
  -- Input tokens more (or fewer) than in the call before.
  input_tokens_added,
  -- Number of messages in the input, instructions included.
  messages,
  -- Bytes of these messages.
  message_bytes,
  -- Messages that were not in the call before.
  messages_added,
  -- Messages of the call before that are missing here: compacted, cut or edited.
  messages_dropped,
  -- Bytes of the messages that are missing.
  bytes_dropped,
  -- Place in tree order.
  preorder,
  -- Place of the call before, which this one is compared with; NULL for the first.
  preorder_before
) AS
WITH calls AS (
  SELECT
    trace_id, span_id, agent_name, coalesce(conversation_id, trace_id) AS conversation_id, start_time, model,
    input_tokens, output_tokens, preorder,
    row_number() OVER in_order AS call_number,
    input_tokens - lag(input_tokens) OVER in_order AS input_tokens_added
  FROM llm_calls
  WINDOW in_order AS (
    PARTITION BY agent_name, coalesce(conversation_id, trace_id) ORDER BY start_time NULLS LAST, preorder
  )
),
-- Only calls with logged messages are compared, each with the last one that has them.
logged AS (
  SELECT
    preorder, trace_id, span_id, lag(preorder) OVER (PARTITION BY agent_name, conversation_id ORDER BY call_number) AS preorder_before
  FROM calls
  SEMI JOIN (FROM span_message_ranges WHERE direction IN ('system', 'input')) USING (trace_id, span_id)
),
shown AS (
  SELECT preorder, preorder_before, direction, position, list_id, length
  FROM logged
  JOIN span_message_ranges USING (trace_id, span_id)
  WHERE direction IN ('system', 'input')
),
-- Messages are compared by where they stand in `messages`: numbers take half the time of hashes.
listed AS MATERIALIZED (
  SELECT list_id, list_index, message, bytes, sum(bytes) OVER (PARTITION BY list_id ORDER BY list_index) AS bytes_so_far
  FROM message_lists
  JOIN (SELECT rowid AS message, message_hash, bytes FROM messages) USING (message_hash)
),
held AS (
  SELECT preorder, sum(length) AS messages, sum(bytes_so_far) AS message_bytes
  FROM shown
  JOIN listed ON listed.list_id = shown.list_id AND list_index = length - 1
  GROUP BY preorder
),
-- What two calls have in common is seldom looked at message by message: both show the beginning of one list.
common AS (
  SELECT now.preorder, direction, position, list_id, least(now.length, before.length) AS length
  FROM shown AS now
  JOIN shown AS before USING (direction, position, list_id)
  WHERE before.preorder = now.preorder_before
),
rest AS (
  SELECT sides.preorder, is_new, message, bytes
  FROM (
    SELECT preorder, true AS is_new, direction, position, list_id, length FROM shown
    UNION ALL
    SELECT logged.preorder, false, direction, position, list_id, length FROM logged JOIN shown ON shown.preorder = logged.preorder_before
  ) AS sides
  LEFT JOIN common USING (preorder, direction, position, list_id)
  JOIN listed ON listed.list_id = sides.list_id AND list_index < sides.length AND list_index >= coalesce(common.length, 0)
),
one_sided AS MATERIALIZED (
  SELECT preorder, message, any_value(bytes) AS bytes, bool_or(is_new) AS is_new
  FROM rest
  GROUP BY preorder, message
  HAVING bool_and(is_new) = bool_or(is_new)
),
-- Messages of the rest that stand in what is common all the same.
stays AS (
  SELECT one_sided.preorder, one_sided.message
  FROM one_sided
  JOIN common USING (preorder)
  JOIN listed ON listed.list_id = common.list_id AND listed.message = one_sided.message AND list_index < common.length
),
changed AS (
  SELECT
    preorder, count(*) FILTER (is_new) AS messages_added, count(*) FILTER (NOT is_new) AS messages_dropped,
    sum(bytes) FILTER (NOT is_new) AS bytes_dropped
  FROM one_sided
  ANTI JOIN stays USING (preorder, message)
  GROUP BY preorder
)
SELECT
  trace_id, span_id, agent_name, conversation_id, call_number, start_time, model, input_tokens, output_tokens,
  input_tokens_added, messages::BIGINT, message_bytes::BIGINT, CASE WHEN messages IS NOT NULL THEN coalesce(messages_added, 0) END,
  CASE WHEN messages IS NOT NULL THEN coalesce(messages_dropped, 0) END,
  CASE WHEN messages IS NOT NULL THEN coalesce(bytes_dropped, 0)::BIGINT END, preorder, preorder_before
FROM calls
LEFT JOIN (SELECT preorder, preorder_before FROM logged) AS logged USING (preorder)
LEFT JOIN held USING (preorder)
LEFT JOIN changed USING (preorder);
