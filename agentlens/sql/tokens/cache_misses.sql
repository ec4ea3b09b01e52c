-- Why the provider's cache was missed, and what each miss cost.
-- include: drift.fingerprints
-- include: messages.context_calls
-- include: messages.span_messages
-- include: messages.texts
-- include: tokens.usage_ledger

-- Number of the first line in which two texts differ.
CREATE MACRO _first_differing_line(a, b) AS
coalesce(list_position(
  list_transform(list_zip(string_split(a, chr(10)), string_split(b, chr(10))), lambda pair: pair[1] IS DISTINCT FROM pair[2]), true), 1);

-- Every call that reads at least 1,024 tokens and a fifth less from the cache than the call before it left there. The
-- calls of an agent in one conversation (and one run) follow one another; what the call before left is what it read and wrote, or, with
-- models that are seen to be cached without being asked, its input; models of which nothing ever came from a cache miss nothing. The windows of the two calls are laid over each other message by message.
CREATE VIEW cache_misses (
  -- Trace of the call that missed.
  trace_id,
  -- The call.
  span_id,
  -- The call before it.
  span_id_before,
  -- The agent.
  agent_name,
  -- The conversation, else the trace.
  conversation_id,
  -- When it began (UTC).
  start_time,
  -- Seconds since the call before ended.
  gap_seconds,
  -- `model switched`, `tools changed`, `prefix edited`, `expired after 1 h`, `expired after 5 min`, `evicted` (nothing changed that the
  -- log shows, within five minutes), or `unknown` (the log does not show the windows, and there was no pause).
  cause,
  -- What exactly: the models, the changed block, the pause.
  detail,
  -- Input tokens the call before had left in the cache.
  cached_before,
  -- Input tokens it read from the cache.
  cache_read_input_tokens,
  -- Input tokens that were there and were paid again.
  missed_tokens,
  -- What they cost above the price of reading them from the cache, in USD; NULL without prices.
  cost_usd,
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
WITH calls AS (
  SELECT
    calls.agent_name, calls.conversation_id, calls.run_preorder, calls.call_index,
    ledger.* EXCLUDE (agent_name, conversation_id),
    coalesce(cache_read_input_tokens, 0) AS cache_read, coalesce(cache_write_input_tokens, 0) AS cache_write,
    -- Whether the log shows that this model of this provider has a cache at all.
    bool_or(cache_write_input_tokens > 0) OVER of_model AS is_writing, bool_or(cache_read_input_tokens > 0) OVER of_model AS is_reading
  FROM _context_calls(NULL, NULL) AS calls
  JOIN usage_ledger AS ledger USING (preorder)
  -- A call that was broken off before it read anything missed nothing.
  WHERE is_counted AND input_tokens > 0
  WINDOW of_model AS (PARTITION BY ledger.provider_name, ledger.model)
),
followed AS (
  SELECT
    *, lag(trace_id) OVER w AS trace_id_before, lag(span_id) OVER w AS span_id_before, lag(preorder) OVER w AS preorder_before,
    lag(model) OVER w AS model_before, lag(cache_write_1h_input_tokens) OVER w AS kept_1h,
    (epoch_ns(start_time) - epoch_ns(lag(coalesce(end_time, start_time)) OVER w)) / 1e9 AS gap_seconds,
    CASE
      WHEN lag(is_writing) OVER w THEN lag(cache_read + cache_write) OVER w
      WHEN lag(is_reading) OVER w THEN lag(input_tokens // 128 * 128) OVER w
    END AS cached_before
  FROM calls
  WINDOW w AS (PARTITION BY agent_name, conversation_id, run_preorder ORDER BY call_index)
),
missed AS MATERIALIZED (
  -- No more can be missed than was read.
  SELECT *, least(cached_before, input_tokens) - cache_read AS missed_tokens
  FROM followed
  WHERE cached_before IS NOT NULL AND least(cached_before, input_tokens) - cache_read >= greatest(1024, 0.2 * cached_before)
),
windows AS (
  SELECT
    missed.preorder, is_before, message_hash,
    row_number() OVER (PARTITION BY missed.preorder, is_before ORDER BY direction DESC, position) AS place
  FROM (
    SELECT preorder, true AS is_before, trace_id_before AS trace_id, span_id_before AS span_id FROM missed
    UNION ALL
    SELECT preorder, false, trace_id, span_id FROM missed
  ) AS missed
  JOIN span_messages USING (trace_id, span_id)
  WHERE direction IN ('system', 'input')
),
laid_over AS (
  SELECT
    preorder, count(*) AS length, count(*) FILTER (now_hash IS NOT NULL) > 0 AS is_logged, min(place) FILTER (differs) AS first_change,
    arg_min(before_hash, place) FILTER (differs) AS before_hash, arg_min(coalesce(now_hash, ''), place) FILTER (differs) AS now_hash
  FROM (
    SELECT
      preorder, place, was.message_hash AS before_hash, becomes.message_hash AS now_hash,
      was.message_hash IS DISTINCT FROM becomes.message_hash AS differs
    FROM (FROM windows WHERE is_before) AS was
    LEFT JOIN (FROM windows WHERE NOT is_before) AS becomes USING (preorder, place)
  )
  GROUP BY preorder
),
changed AS (
  SELECT
    preorder, first_change, length, is_logged, was.role AS block_role, _message_text(was.parts) AS was_text,
    _message_text(becomes.parts) AS now_text
  FROM laid_over
  LEFT JOIN messages AS was ON was.message_hash = before_hash
  LEFT JOIN messages AS becomes ON becomes.message_hash = now_hash
),
tools AS (
  SELECT
    missed.preorder, _tool_lines(span.attributes) AS now, _tool_lines(earlier.attributes) AS before
  FROM missed
  JOIN spans AS span ON span.preorder = missed.preorder
  JOIN spans AS earlier ON earlier.preorder = missed.preorder_before
),
judged AS (
  SELECT
    missed.*, changed.* EXCLUDE (preorder),
    CASE
      WHEN model <> model_before THEN 'model switched'
      WHEN tools.now <> tools.before THEN 'tools changed'
      WHEN is_logged AND first_change > 0 THEN 'prefix edited'
      WHEN gap_seconds >= 3600 THEN 'expired after 1 h'
      WHEN gap_seconds >= 300 AND coalesce(kept_1h, 0) = 0 THEN 'expired after 5 min'
      WHEN is_logged THEN 'evicted'
      ELSE 'unknown'
    END AS cause,
    list_filter(tools.now, lambda line: NOT list_contains(tools.before, line))[1] AS tool_line
  FROM missed
  LEFT JOIN changed USING (preorder)
  LEFT JOIN tools USING (preorder)
)
SELECT
  judged.trace_id, span_id, span_id_before, agent_name, conversation_id, start_time, gap_seconds, cause,
  CASE cause
    WHEN 'model switched' THEN format('{} after {}', judged.model, model_before)
    WHEN 'tools changed' THEN 'the offered tools differ' || coalesce(', first in ' || left(tool_line, 80), '')
    WHEN 'prefix edited' THEN format('message {} of {} ({}) {}', first_change, length, coalesce(block_role, 'no role'),
      CASE WHEN now_text IS NULL THEN 'is gone' ELSE 'differs from line ' || _first_differing_line(was_text, now_text) END)
    WHEN 'evicted' THEN format('the same prefix {:.0f} s later', gap_seconds)
    WHEN 'unknown' THEN 'the log does not show what stood in the windows'
    ELSE format('{:.0f} minutes without a call', gap_seconds / 60)
  END,
  cached_before, cache_read_input_tokens, missed_tokens,
  missed_tokens::HUGEINT * (
    CASE WHEN cache_write >= missed_tokens THEN CASE WHEN cache_write_1h_input_tokens > 0 THEN price.cache_write_1h_pico ELSE price.cache_write_pico END
      ELSE price.input_pico END - price.cache_read_pico
  ) / 1e12,
  preorder, source_id, source_line, source_offset, source_length
FROM judged
LEFT JOIN _price AS price
  ON price.model = judged.model AND price.provider_name IS NOT DISTINCT FROM judged.provider_name
  AND price.date IS NOT DISTINCT FROM judged.used_at::DATE
  AND price.service_tier IS NOT DISTINCT FROM judged.service_tier
  AND _time_of_use(used_at) >= price.from_time
  AND (price.until_time IS NULL OR _time_of_use(used_at) < price.until_time)
  AND input_tokens >= price.tier_start_input_tokens AND input_tokens < price.tier_end_input_tokens;
