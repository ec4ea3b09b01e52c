-- What the same log would have cost under other conditions.
-- include: tokens.cache_misses
-- include: tokens.message_carriage
-- include: tokens.token_waste
-- include: tokens.usage_ledger

-- The counted records priced otherwise, by agent and model. `other_model` (with `other_provider`) takes the place of all models, prices are those of
-- `on_date` (NULL: of the day of use) at the time of day and in the tier of service of each call, `cache` is `as logged`, `none`, `5 min` or `1 h`, `without_rereads` leaves out what was read
-- again unchanged. Prices must stand in `token_prices`: `agentlens.pricing.what_if` sees to that. Columns: agent_name, model, calls,
-- actual_cost_usd (computed, as in the ledger), low_cost_usd, high_cost_usd, unpriced, and `bounds`: why low and high differ, NULL where the
-- figure is exact.
-- Another model counts the same text otherwise, by `tokenizer_spread` more or less (0.3: English prose and code differ by less than that
-- between the tokenizers in use). A longer cache turns at most the misses after a pause into hits; a shorter one makes misses of
-- hits after a pause.
CREATE MACRO token_what_if(
  other_model := NULL, other_provider := NULL, on_date := NULL, cache := 'as logged', without_rereads := false, tokenizer_spread := 0.3
) AS TABLE
WITH records AS (
  SELECT
    *, greatest(coalesce(input_tokens, 0), 0)::HUGEINT AS given, greatest(coalesce(output_tokens, 0), 0)::HUGEINT AS answered,
    least(greatest(coalesce(cache_read_input_tokens, 0), 0), greatest(coalesce(input_tokens, 0), 0)) AS read,
    least(greatest(coalesce(cache_write_input_tokens, 0), 0), greatest(coalesce(input_tokens, 0), 0) - read) AS written,
    epoch_ns(start_time) - epoch_ns(lag(coalesce(end_time, start_time)) OVER (
      PARTITION BY agent_name, coalesce(conversation_id, trace_id) ORDER BY start_time, preorder)) AS pause_ns
  FROM usage_ledger
  WHERE is_counted
),
priced AS (
  SELECT
    records.*, price.matched_model AS priced_as, coalesce(missed.missed_tokens, 0) AS curable,
    CASE WHEN pause_ns > 300000000000 THEN read ELSE 0 END AS read_after_pause, price.* EXCLUDE (model, provider_name, date, service_tier, matched_model)
  FROM records
  LEFT JOIN _price AS price
    ON price.model = coalesce(other_model, records.model)
    AND price.provider_name IS NOT DISTINCT FROM CASE WHEN other_model IS NULL THEN records.provider_name ELSE other_provider END
    AND price.date IS NOT DISTINCT FROM coalesce(on_date::DATE, records.used_at::DATE)
    AND price.service_tier IS NOT DISTINCT FROM records.service_tier
    AND _time_of_use(used_at) >= price.from_time
    AND (price.until_time IS NULL OR _time_of_use(used_at) < price.until_time)
    AND given >= price.tier_start_input_tokens AND given < price.tier_end_input_tokens
  LEFT JOIN (
    SELECT preorder, missed_tokens FROM cache_misses WHERE cause = 'expired after 5 min' AND gap_seconds < 3600
  ) AS missed ON missed.preorder = records.preorder AND cache = '1 h'
),
costs AS (
  SELECT
    *, answered * output_pico + CASE cache
      WHEN 'none' THEN given * input_pico
      WHEN '1 h' THEN (given - read - written) * input_pico + read * cache_read_pico + written * cache_write_1h_pico
      WHEN '5 min' THEN (given - read - written) * input_pico + read * cache_read_pico + written * cache_write_pico
      WHEN 'as logged' THEN (given - read - written) * input_pico + read * cache_read_pico + (written - cache_write_1h_input_tokens) * cache_write_pico
        + cache_write_1h_input_tokens * cache_write_1h_pico
      ELSE error('cache is as logged, none, 5 min or 1 h, and was ' || cache)
    END AS pico,
    CASE WHEN cache = '1 h' THEN least(curable, written) * (cache_write_1h_pico - cache_read_pico) ELSE 0 END AS less_pico,
    CASE WHEN cache = '5 min' THEN read_after_pause * (cache_write_pico - cache_read_pico) ELSE 0 END AS more_pico
  FROM priced
),
rereads AS (
  SELECT agent_name, sum(cost_usd) AS cost_usd, count(*) AS times FROM token_waste WHERE kind = 'read again' AND without_rereads GROUP BY agent_name
),
totals AS (
  SELECT
    agent_name, model, count(*) AS calls, sum(cost_nano_usd) / 1e9 AS actual, sum(pico) / 1e12 AS pico_usd, sum(less_pico) / 1e12 AS less,
    sum(more_pico) / 1e12 AS more, count(*) FILTER (pico IS NULL) AS unpriced,
    CASE WHEN other_model IS NULL OR other_model = model THEN 0 ELSE tokenizer_spread END AS spread,
    sum(cost_nano_usd) / sum(sum(cost_nano_usd)) OVER (PARTITION BY agent_name) AS share
  FROM costs
  GROUP BY agent_name, model
)
SELECT
  agent_name, model, calls, actual AS actual_cost_usd,
  CASE WHEN pico_usd IS NOT NULL THEN greatest((pico_usd - less) * (1 - spread) - coalesce(rereads.cost_usd * share, 0), 0) END AS low_cost_usd, (pico_usd + more) * (1 + spread) AS high_cost_usd, unpriced,
  nullif(concat_ws('; ',
    CASE WHEN spread > 0 THEN 'the other model counts the same text otherwise' END,
    CASE WHEN less > 0 THEN 'whether a longer cache would have been hit is not certain' END,
    CASE WHEN more > 0 THEN 'what a shorter cache would have lost after pauses is not certain' END,
    CASE WHEN rereads.times > 0 THEN 'what was read again is apportioned by bytes, and may have been needed' END), '') AS bounds
FROM totals
LEFT JOIN rereads USING (agent_name);
