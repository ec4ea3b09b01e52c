-- Which token records count, which only repeat what another has counted, and what each cost.
-- include: tokens.prices

-- Whether a number may be a count of tokens: a forged one, of which a few are more than any sum can hold, is none.
CREATE MACRO _is_count(number) AS number IS NULL OR number BETWEEN 0 AND 1000000000000000;

-- The usage records of all spans with role, verdict and money, as they are written to `usage_ledger`.
CREATE MACRO _judged_usage() AS TABLE
WITH records AS (
  SELECT
    preorder, subtree_end, trace_id, root_span_id, depth, start_time, agent_name, source_id, usage_key, input_tokens, output_tokens,
    CASE
      WHEN NOT (_is_count(input_tokens) AND _is_count(output_tokens) AND _is_count(cache_read_input_tokens)
        AND _is_count(cache_write_input_tokens) AND _is_count(reasoning_output_tokens)) THEN 'no count'
      WHEN usage_scope = 'cumulative' THEN 'cumulative'
      WHEN input_tokens IS NULL AND output_tokens IS NULL THEN 'money'
      WHEN operation_name IN ('invoke_agent', 'create_agent') THEN 'agent'
      WHEN usage_scope = 'rollup' THEN 'total'
      ELSE 'call'
    END AS kind
  FROM spans
  WHERE input_tokens IS NOT NULL OR output_tokens IS NOT NULL OR reported_cost_usd IS NOT NULL
),
-- The record that stands for its call; only keys met more than once need deciding.
kept AS (
  SELECT
    usage_key,
    arg_max(preorder, (coalesce(output_tokens, -1), coalesce(input_tokens, -1), depth, -epoch_ns(start_time), -preorder)) AS kept_preorder
  FROM records
  WHERE usage_key IS NOT NULL AND kind <> 'no count'
  GROUP BY usage_key
  HAVING count(*) > 1
),
repeats AS (
  SELECT
    repeated.preorder,
    CASE
      WHEN original.trace_id <> repeated.trace_id THEN 'fork prefix'
      WHEN original.source_id <> repeated.source_id THEN 'replay'
      ELSE 're-emit'
    END AS role
  FROM records AS repeated
  JOIN kept USING (usage_key)
  JOIN spans AS original ON original.preorder = kept.kept_preorder
  WHERE repeated.preorder <> kept.kept_preorder
),
originals AS (SELECT preorder, subtree_end, kind FROM records ANTI JOIN repeats USING (preorder)),
-- Where the next record stands in tree order: inside the subtree, it is below.
nested AS (
  SELECT
    preorder, kind,
    min(CASE WHEN kind = 'call' THEN preorder END) OVER later < subtree_end AS has_call_below,
    min(CASE WHEN kind NOT IN ('cumulative', 'no count') THEN preorder END) OVER later < subtree_end AS has_usage_below
  FROM originals
  WINDOW later AS (ORDER BY preorder DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
),
-- Cost that stands below a metered call belongs to it. An earlier span whose subtree is still open stands above.
costs_of_calls AS (
  SELECT preorder
  FROM (
    SELECT preorder, kind, max(CASE WHEN kind IN ('call', 'agent') THEN subtree_end END) OVER (ORDER BY preorder) AS open_until
    FROM originals
    WHERE EXISTS (FROM originals WHERE kind = 'money')
  )
  WHERE kind = 'money' AND open_until > preorder
),
-- Running totals that something else makes superfluous: records of single calls in the same tree, or a later value.
passed_totals AS (
  SELECT preorder, has_records
  FROM (
    SELECT
      preorder, kind,
      bool_or(kind NOT IN ('cumulative', 'no count')) OVER (PARTITION BY trace_id, root_span_id) AS has_records,
      row_number() OVER (
        PARTITION BY trace_id, root_span_id, agent_name, kind
        ORDER BY coalesce(input_tokens, 0)::HUGEINT + coalesce(output_tokens, 0) DESC, preorder DESC
      ) AS place_from_last
    FROM originals
    JOIN spans USING (preorder)
    WHERE EXISTS (FROM originals WHERE kind = 'cumulative')
  )
  WHERE kind = 'cumulative' AND (has_records OR place_from_last > 1)
),
judged AS (
  SELECT
    nested.preorder, kind, NULL AS repeat_role, coalesce(has_call_below, false) AS has_call_below,
    CASE
      WHEN kind = 'no count' THEN 'a number of tokens that no call can have'
      WHEN has_records THEN 'running total beside records of single calls'
      WHEN passed_totals.preorder IS NOT NULL THEN 'running total that a later one includes'
      WHEN kind = 'call' AND has_call_below THEN 'the same call is metered further in'
      WHEN kind = 'agent' AND has_call_below THEN 'total of calls that are counted below'
      WHEN kind IN ('total', 'money') AND has_usage_below THEN 'total of records that are counted below'
      WHEN costs_of_calls.preorder IS NOT NULL THEN 'cost of a call that is counted above'
    END AS why_not
  FROM nested
  LEFT JOIN costs_of_calls USING (preorder)
  LEFT JOIN passed_totals USING (preorder)
  UNION ALL
  SELECT preorder, 'repeat', role, false, 'repeats a call that is counted elsewhere' FROM repeats
),
priced AS (
  SELECT
    judged.*, price.matched_model,
    (
      (greatest(input_tokens, 0) - cache_read - cache_write)::HUGEINT * price.input_pico
      + cache_read::HUGEINT * price.cache_read_pico
      + (cache_write - cache_write_1h)::HUGEINT * price.cache_write_pico
      + cache_write_1h::HUGEINT * price.cache_write_1h_pico
    ) AS input_pico_usd,
    greatest(coalesce(output_tokens, 0), 0)::HUGEINT * price.output_pico AS output_pico_usd,
    input_pico_usd + output_pico_usd AS pico_usd
  FROM (
    SELECT
      *,
      -- Parts never exceed the whole, whatever a log claims.
      least(greatest(coalesce(cache_read_input_tokens, 0), 0), greatest(coalesce(input_tokens, 0), 0)) AS cache_read,
      least(greatest(coalesce(cache_write_input_tokens, 0), 0), greatest(coalesce(input_tokens, 0), 0) - cache_read) AS cache_write,
      CASE WHEN cache_write > 0 THEN least(coalesce(_one_hour_tokens(attributes), 0), cache_write) ELSE 0 END AS cache_write_1h,
      _service_tier(attributes) AS service_tier, coalesce(start_time, run_time) AS used_at
    FROM judged
    JOIN spans USING (preorder)
    LEFT JOIN _run_times USING (trace_id, root_span_id)
  ) AS judged
  LEFT JOIN _price AS price
    ON price.model = coalesce(judged.response_model, judged.request_model)
    AND price.provider_name IS NOT DISTINCT FROM judged.provider_name
    AND price.date IS NOT DISTINCT FROM judged.used_at::DATE
    AND price.service_tier IS NOT DISTINCT FROM judged.service_tier
    AND _time_of_use(used_at) >= price.from_time
    AND (price.until_time IS NULL OR _time_of_use(used_at) < price.until_time)
    AND coalesce(judged.input_tokens, 0) >= price.tier_start_input_tokens
    AND coalesce(judged.input_tokens, 0) < price.tier_end_input_tokens
    AND judged.kind <> 'money'
)
SELECT
  trace_id, span_id,
  CASE
    WHEN kind = 'repeat' THEN repeat_role
    WHEN kind = 'cumulative' THEN 'cumulative'
    WHEN kind IN ('agent', 'total') THEN 'rollup'
    WHEN kind = 'call' AND has_call_below THEN 're-emit'
    WHEN kind = 'money' AND why_not = 'total of records that are counted below' THEN 'rollup'
    ELSE 'leaf'
  END AS role,
  why_not IS NULL AS is_counted,
  coalesce(why_not, CASE kind
    WHEN 'call' THEN 'a call with no metered call inside'
    WHEN 'agent' THEN 'an agent''s total over calls that carry no usage'
    WHEN 'total' THEN 'a total over steps that carry no usage'
    WHEN 'cumulative' THEN 'last value of a running total, nothing else is metered'
    WHEN 'money' THEN 'cost without tokens'
  END) AS rule,
  agent_name, agent_version, conversation_id, operation_name, prompt_version, start_time, end_time, used_at, provider_name,
  coalesce(response_model, request_model) AS model,
  input_tokens, output_tokens, cache_read_input_tokens, cache_write_input_tokens,
  cache_write_1h AS cache_write_1h_input_tokens, reasoning_output_tokens,
  coalesce(pico_usd / 1e12, reported_cost_usd) AS cost_usd,
  CASE WHEN pico_usd IS NOT NULL THEN 'computed' WHEN reported_cost_usd IS NOT NULL THEN 'reported' ELSE 'unpriced' END AS cost_source,
  TRY_CAST(coalesce((pico_usd + 500) // 1000, round(reported_cost_usd * 1e9)) AS BIGINT) AS cost_nano_usd,
  TRY_CAST((input_pico_usd + 500) // 1000 AS BIGINT) AS input_cost_nano_usd,
  reported_cost_usd, matched_model, service_tier, usage_scope, usage_key, preorder, source_id, source_line, source_offset, source_length
FROM priced;

-- The ledger of some traces (a list), of all when the argument is NULL; columns as in `usage_ledger`.
CREATE MACRO ledger_of(of_trace_ids) AS TABLE
FROM usage_ledger WHERE of_trace_ids IS NULL OR trace_id IN (SELECT unnest(of_trace_ids));
