-- What calls without usage may have used. Estimates stand apart: no sum of measured tokens ever holds one.
-- include: messages.span_messages
-- include: spans.calls
-- include: tokens.usage_ledger

-- Model calls whose log gives no usage, with an interval of the tokens they took, from the bytes of their messages. Bytes a token are measured
-- on the metered calls of the lens whose messages are logged (the middle nine tenths, where there are at least 20), else taken as 2 to
-- 6. A call below a total that is counted is not listed, for its tokens are in that total.
CREATE VIEW usage_estimates (
  -- Trace of the call.
  trace_id,
  -- The call.
  span_id,
  -- The agent that called.
  agent_name,
  -- The model.
  model,
  -- When it began (UTC).
  start_time,
  -- Bytes of its input and instructions.
  input_bytes,
  -- Bytes of its output.
  output_bytes,
  -- Fewest input tokens that are likely.
  input_tokens_low,
  -- Most input tokens that are likely.
  input_tokens_high,
  -- Fewest output tokens that are likely.
  output_tokens_low,
  -- Most output tokens that are likely.
  output_tokens_high,
  -- What the interval rests on, in one sentence.
  basis,
  -- Place in tree order.
  preorder
) AS
WITH held AS (
  SELECT
    trace_id, span_id, sum(bytes) FILTER (direction <> 'output') AS input_bytes, sum(bytes) FILTER (direction = 'output') AS output_bytes
  FROM span_messages
  JOIN (SELECT message_hash, bytes FROM messages) USING (message_hash)
  GROUP BY ALL
),
measured AS (
  SELECT
    count(*) AS calls, quantile_cont(input_bytes / input_tokens, 0.05) AS fewest, quantile_cont(input_bytes / input_tokens, 0.95) AS most
  FROM usage_ledger
  JOIN held USING (trace_id, span_id)
  WHERE is_counted AND role = 'leaf' AND input_tokens >= 50 AND input_bytes > 0
),
rate AS (
  SELECT
    CASE WHEN calls >= 20 THEN fewest ELSE 2 END AS fewest, CASE WHEN calls >= 20 THEN most ELSE 6 END AS most,
    CASE WHEN calls >= 20 THEN format('{:.1f} to {:.1f} bytes a token, as in {} metered calls of the lens', fewest, most, calls)
      ELSE '2 to 6 bytes a token: too few metered calls to measure it' END AS basis
  FROM measured
),
covered AS (SELECT preorder, subtree_end FROM usage_ledger JOIN (SELECT preorder, subtree_end FROM spans) USING (preorder) WHERE is_counted AND role <> 'leaf')
SELECT
  silent.trace_id, silent.span_id, agent_name, model, start_time, coalesce(input_bytes, 0)::BIGINT, coalesce(output_bytes, 0)::BIGINT,
  floor(coalesce(input_bytes, 0) / most)::BIGINT, ceil(coalesce(input_bytes, 0) / fewest)::BIGINT, floor(coalesce(output_bytes, 0) / most)::BIGINT,
  ceil(coalesce(output_bytes, 0) / fewest)::BIGINT, basis, silent.preorder
FROM (FROM llm_calls WHERE input_tokens IS NULL AND output_tokens IS NULL) AS silent
JOIN held ON held.trace_id = silent.trace_id AND held.span_id = silent.span_id
CROSS JOIN rate
WHERE NOT EXISTS (FROM covered WHERE covered.preorder <= silent.preorder AND covered.subtree_end > silent.preorder)
  AND NOT EXISTS (FROM usage_ledger AS l WHERE l.preorder = silent.preorder);
