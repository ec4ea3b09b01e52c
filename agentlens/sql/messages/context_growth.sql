-- What the model was shown, call after call: how the window fills, and what falls out of it.
-- include: messages.span_messages
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
  preorder
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
contents AS (
  SELECT trace_id, span_id, message_hash, count(*) AS times
  FROM span_messages
  WHERE direction IN ('system', 'input')
  GROUP BY ALL
),
-- Only calls with logged messages are compared, each with the last one that has them.
logged AS (
  SELECT
    preorder, trace_id, span_id, agent_name, conversation_id,
    row_number() OVER (PARTITION BY agent_name, conversation_id ORDER BY call_number) AS place,
    lead(preorder) OVER (PARTITION BY agent_name, conversation_id ORDER BY call_number) AS next_preorder
  FROM calls
  SEMI JOIN contents USING (trace_id, span_id)
),
stays AS (
  SELECT
    logged.preorder, next_preorder, place, times, bytes,
    lag(place) OVER same AS place_before, lead(place) OVER same AS place_after
  FROM contents
  JOIN logged USING (trace_id, span_id)
  JOIN messages USING (message_hash)
  WINDOW same AS (PARTITION BY agent_name, conversation_id, message_hash ORDER BY place)
),
held AS (
  SELECT
    preorder, sum(times) AS messages, sum(times * bytes) AS message_bytes,
    count(*) FILTER (place_before IS DISTINCT FROM place - 1) AS messages_added
  FROM stays
  GROUP BY preorder
),
gone AS (
  SELECT next_preorder AS preorder, count(*) AS messages_dropped, sum(bytes) AS bytes_dropped
  FROM stays
  WHERE place_after IS DISTINCT FROM place + 1 AND next_preorder IS NOT NULL
  GROUP BY next_preorder
)
SELECT
  trace_id, span_id, agent_name, conversation_id, call_number, start_time, model, input_tokens, output_tokens,
  input_tokens_added, messages::BIGINT, message_bytes::BIGINT, messages_added,
  CASE WHEN messages IS NOT NULL THEN coalesce(messages_dropped, 0) END,
  CASE WHEN messages IS NOT NULL THEN coalesce(bytes_dropped, 0)::BIGINT END, preorder
FROM calls
LEFT JOIN held USING (preorder)
LEFT JOIN gone USING (preorder);
