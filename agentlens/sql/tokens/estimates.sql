-- What calls without usage may have used. Estimates stand apart: no sum of measured tokens ever holds one.
-- include: lens.sentences
-- include: messages.span_messages
-- include: spans.calls
-- include: tokens.usage_ledger

-- Where a rate comes from, in a few words.
CREATE MACRO _rate_basis(calls, format) AS CASE WHEN calls > 0 THEN format('as in {} of {} logs', _plural(calls, 'metered call'), format) ELSE 'assumed' END;

-- Model calls whose log gives no usage, or only rounded counts, with an interval of the tokens they took. A rounded count (`3.5k`) is the
-- interval that it stands for. Else bytes a token, for input and output by themselves, are measured on the metered calls of the same format
-- whose messages are logged whole (1 to 8 bytes a token; the middle nine tenths, where there are at least 20 such calls), or taken as 2
-- to 6. What a log does not show of a window (instructions, tool definitions) comes on top. A call below a total that is counted is not
-- listed, for its tokens are in that total.
-- Some programs log what an answer had used when it began to stream: an answer of at least 1,000 bytes, with more than 12 bytes a logged
-- output token, is listed with the output that is missing. (Aider's history does not part answers from console output, and is left out.)
CREATE VIEW usage_estimates (
  -- Trace of the call.
  trace_id,
  -- The call.
  span_id,
  -- The agent that called.
  agent_name,
  -- The model.
  model,
  -- Why it is estimated: `no usage`, `rounded counts`, or `cut short` (only what is missing above the logged output).
  kind,
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
formats AS (SELECT source_id, format FROM sources),
-- Bytes a token of the metered calls, as far as a tokenizer can have made them so.
ratios AS (
  SELECT
    format, CASE WHEN input_tokens >= 50 THEN input_bytes / input_tokens END AS input_ratio,
    output_tokens::HUGEINT - coalesce(reasoning_output_tokens, 0) AS said_tokens, CASE WHEN said_tokens >= 20 THEN output_bytes / said_tokens END AS output_ratio
  FROM usage_ledger
  JOIN held USING (trace_id, span_id)
  JOIN formats USING (source_id)
  WHERE is_counted AND role = 'leaf'
),
measured AS (
  SELECT format, side, count(*) AS calls, quantile_cont(ratio, 0.05) AS fewest, quantile_cont(ratio, 0.95) AS most
  FROM (SELECT format, 'input' AS side, input_ratio AS ratio FROM ratios UNION ALL SELECT format, 'output', output_ratio FROM ratios)
  WHERE ratio BETWEEN 1 AND 8
  GROUP BY ALL
  HAVING count(*) >= 20
),
rates AS (
  SELECT
    format, coalesce(given.fewest, 2) AS given_fewest, coalesce(given.most, 6) AS given_most, coalesce(answered.fewest, 2) AS answered_fewest,
    coalesce(answered.most, 6) AS answered_most,
    format('{:.1f} to {:.1f} bytes a token of input ({}), {:.1f} to {:.1f} of output ({})', given_fewest, given_most, _rate_basis(given.calls, format),
      answered_fewest, answered_most, _rate_basis(answered.calls, format)) AS basis
  FROM (SELECT DISTINCT format FROM formats)
  LEFT JOIN (FROM measured WHERE side = 'input') AS given USING (format)
  LEFT JOIN (FROM measured WHERE side = 'output') AS answered USING (format)
),
covered AS (
  SELECT preorder, subtree_end
  FROM usage_ledger
  JOIN (SELECT preorder, subtree_end FROM spans) USING (preorder)
  WHERE is_counted AND role <> 'leaf'
),
silent AS (
  SELECT
    calls.*, format, TRY_CAST(attributes->>'$.input_tokens_between[0]' AS BIGINT) AS input_low,
    TRY_CAST(attributes->>'$.input_tokens_between[1]' AS BIGINT) AS input_high, TRY_CAST(attributes->>'$.output_tokens_between[0]' AS BIGINT) AS output_low,
    TRY_CAST(attributes->>'$.output_tokens_between[1]' AS BIGINT) AS output_high
  FROM llm_calls AS calls
  JOIN (SELECT preorder, source_id, attributes FROM spans) USING (preorder)
  JOIN formats USING (source_id)
  WHERE input_tokens IS NULL AND output_tokens IS NULL
    AND NOT EXISTS (FROM covered WHERE covered.preorder <= calls.preorder AND covered.subtree_end > calls.preorder)
),
cut_short AS (
  SELECT ledger.*, output_bytes, format
  FROM usage_ledger AS ledger
  JOIN held USING (trace_id, span_id)
  JOIN formats USING (source_id)
  WHERE is_counted AND role = 'leaf' AND output_tokens > 0 AND output_bytes >= 1000 AND output_bytes / 12 > output_tokens AND format <> 'aider'
)
SELECT
  silent.trace_id, silent.span_id, agent_name, model, CASE WHEN input_low IS NOT NULL THEN 'rounded counts' ELSE 'no usage' END, start_time,
  coalesce(input_bytes, 0)::BIGINT, coalesce(output_bytes, 0)::BIGINT,
  coalesce(input_low, floor(coalesce(input_bytes, 0) / given_most)::BIGINT), coalesce(input_high, ceil(coalesce(input_bytes, 0) / given_fewest)::BIGINT),
  coalesce(output_low, floor(coalesce(output_bytes, 0) / answered_most)::BIGINT),
  coalesce(output_high, ceil(coalesce(output_bytes, 0) / answered_fewest)::BIGINT),
  CASE WHEN input_low IS NOT NULL THEN 'the log rounds its counts' ELSE basis END, silent.preorder
FROM silent
JOIN rates USING (format)
LEFT JOIN held ON held.trace_id = silent.trace_id AND held.span_id = silent.span_id
WHERE input_low IS NOT NULL OR held.trace_id IS NOT NULL
UNION ALL
SELECT
  trace_id, span_id, agent_name, model, 'cut short', start_time, 0, output_bytes::BIGINT, 0, 0,
  greatest(floor(output_bytes / answered_most)::BIGINT - output_tokens, 0), ceil(output_bytes / answered_fewest)::BIGINT - output_tokens,
  format('an answer of {:,} bytes is logged as {}, as it began to stream: what is missing', output_bytes::BIGINT, _plural(output_tokens, 'output token')), preorder
FROM cut_short
JOIN rates USING (format);
