-- The same prompt is paid for again and again.
-- include: detectors.evidence
-- include: tokens.cache_misses

-- Why missed caches cannot be looked for, or which are not seen; no reason when all is there.
CREATE VIEW _needs_cache_miss_storm (
  -- False where nothing can be found for lack of evidence.
  can_look,
  -- Why, in one sentence.
  reason
) AS
SELECT
  cached > 0,
  CASE
    WHEN records = 0 THEN 'the logs hold no usage'
    WHEN cached = 0 THEN 'no record says what came from a cache'
    ELSE _unjudged('records', records, silent, 'no word of a cache')
  END
FROM (
  SELECT
    count(*) AS records, count(*) FILTER (cache_read_input_tokens > 0 OR cache_write_input_tokens > 0) AS cached,
    count(*) FILTER (cache_read_input_tokens IS NULL AND cache_write_input_tokens IS NULL) AS silent
  FROM usage_ledger
  WHERE is_counted
);

-- An agent's calls keep missing the provider's cache, although the call before had filled it.
--
-- Means: see `cache_misses` for what counts as a miss and how its cause is told. Matters: a missed prefix costs ten times what it would
-- cost from the cache, on every call.
-- Example: the system prompt begins with the time of day, so that 40,000 tokens are written anew in each of 30 calls.
-- Fires on `min_misses` misses for the same cause in one conversation of an agent that make at least `min_share` of the input tokens
-- of its calls. Tier proven where the log shows the cause (model, tools, prefix), event where it shows only the pause or nothing.
-- Severity: warning where the program could avoid it (model, tools, prefix), else info.
-- Leaves alone: first calls, prompts under 1,024 tokens, single misses, sessions after a pause for the night.
-- Misses: agents whose logs say nothing of the cache; edits that keep more than four fifths of the prefix.
-- `tokens_wasted` are the input tokens that were cached and paid again, `cost_usd_wasted` what they cost above reading them from the cache.
-- Do: put what changes behind what stays; keep tools and model within a conversation; take the longer cache where people pause.
-- scope: trace
-- version: 2
CREATE MACRO detect_cache_miss_storm(min_misses := 3, min_share := 0.1) AS TABLE
WITH storms AS (
  SELECT
    agent_name, conversation_id, cause, count(*) AS misses, arg_min(trace_id, preorder) AS trace_id, list(span_id ORDER BY preorder) AS span_ids,
    min(start_time) AS start_time, max(start_time) AS end_time, sum(missed_tokens) AS tokens, round(sum(cost_usd), 12) AS cost_usd,
    CASE WHEN cause LIKE 'e%' THEN format('half of them within {:.0f} s after the call before', median(gap_seconds)) ELSE 'mostly: ' || mode(detail ORDER BY preorder) END AS detail,
    list(_evidence(source_id, source_line, source_offset, source_length, span_id,
      format('{:,} of {:,} cached tokens missed: {}', missed_tokens, cached_before, detail)) ORDER BY preorder) AS evidence
  FROM cache_misses
  GROUP BY agent_name, conversation_id, cause
),
spent AS (
  SELECT agent_name, coalesce(conversation_id, trace_id) AS conversation_id, sum(input_tokens) AS input_tokens
  FROM usage_ledger
  WHERE is_counted
  GROUP BY ALL
)
SELECT
  CASE WHEN cause IN ('model switched', 'tools changed', 'prefix edited') THEN 'proven' ELSE 'event' END AS tier,
  CASE WHEN cause IN ('model switched', 'tools changed', 'prefix edited') THEN 'warning' ELSE 'info' END AS severity,
  trace_id, storms.agent_name, span_ids, start_time, end_time,
  format('{} missed the cache {} times ({}, {}): {:,} tokens were paid again, {:.0f} % of its input.',
    coalesce(storms.agent_name, 'An agent'), misses, cause, detail, tokens::BIGINT, 100 * tokens / input_tokens) AS summary,
  evidence[:20] AS evidence, _whole(tokens) AS tokens_wasted, cost_usd AS cost_usd_wasted
FROM storms
JOIN spent ON spent.agent_name IS NOT DISTINCT FROM storms.agent_name AND spent.conversation_id = storms.conversation_id
WHERE misses >= min_misses AND tokens >= min_share * input_tokens;
