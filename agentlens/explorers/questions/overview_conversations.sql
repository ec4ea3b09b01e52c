-- Conversations and sessions, latest first.
SELECT
  conversation_id, agent_name AS agent, agents::INTEGER AS agents, spans::INTEGER AS spans, model_calls::INTEGER AS model_calls,
  epoch_ns(start_time) / 1e6 AS start_ms, duration_ns / 1e6 AS duration_ms, errors::INTEGER AS errors,
  (coalesce(input_tokens, 0) + coalesce(output_tokens, 0))::DOUBLE AS tokens, cost_usd
FROM conversations
WHERE conversation_id IS NOT NULL
ORDER BY start_time DESC NULLS LAST, conversation_id
LIMIT 500
