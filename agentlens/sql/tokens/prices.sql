-- Prices in the form in which they are multiplied.

-- USD a million tokens as whole picodollars a token.
CREATE MACRO _pico(usd_per_million) AS round(usd_per_million * 1000000)::HUGEINT;

-- Tokens of a record that were written to the one-hour cache, where its attributes say so.
CREATE MACRO _one_hour_tokens(attributes) AS
TRY_CAST(coalesce(
  attributes->>'$.usage.cache_creation.ephemeral_1h_input_tokens',
  attributes->>'$.cache_creation.ephemeral_1h_input_tokens',
  attributes->>'$."usage.cache_creation.ephemeral_1h_input_tokens"'
) AS BIGINT);

-- The tier of service that a record says it was billed in (what was served before what was asked for), where that is not the plain one.
CREATE MACRO _service_tier(attributes) AS
CASE WHEN contains(attributes::VARCHAR, 'service_tier') OR contains(attributes::VARCHAR, '"speed"') THEN list_filter(
  [
    lower(coalesce(
      attributes->>'$.usage.service_tier', attributes->>'$."openai.response.service_tier"',
      attributes->>'$."gen_ai.openai.response.service_tier"', attributes->>'$."gen_ai.response.service_tier"',
      attributes->>'$.service_tier', attributes->>'$."openai.request.service_tier"',
      attributes->>'$."gen_ai.openai.request.service_tier"', attributes->>'$.modelParameters.service_tier'
    )),
    lower(coalesce(attributes->>'$.usage.speed', attributes->>'$.speed'))
  ],
  lambda tier: tier IN ('batch', 'flex', 'priority', 'fast'))[1]
END;

-- Time of day of a call, for prices that change within the day; noon where the log gives no time.
CREATE MACRO _time_of_use(used_at) AS coalesce(used_at::TIMESTAMP::TIME, TIME '12:00:00');

-- When runs began, in traces that hold steps without a time: the moment of use of calls that are logged without one.
CREATE VIEW _run_times (
  -- Trace of the run.
  trace_id,
  -- Root of its tree.
  root_span_id,
  -- When it began.
  run_time
) AS
SELECT trace_id, span_id, start_time
FROM spans
WHERE depth = 0 AND start_time IS NOT NULL AND trace_id IN (SELECT trace_id FROM spans WHERE start_time IS NULL);

-- `token_prices` in millionths of a millionth of a dollar a token, whole numbers, each tier with its end. What a price list
-- does not name costs what the wider class costs: cached input the input price, a one-hour cache write the cache write price.
CREATE VIEW _price (
  -- Model as logged.
  model,
  -- Provider as logged.
  provider_name,
  -- Day of use.
  date,
  -- First time of the day it holds for.
  from_time,
  -- First time of the day it holds no longer for; NULL up to midnight.
  until_time,
  -- Tier of service; NULL for the plain one.
  service_tier,
  -- Model of the price list.
  matched_model,
  -- First number of input tokens the tier holds for.
  tier_start_input_tokens,
  -- First number of input tokens it holds no longer for.
  tier_end_input_tokens,
  -- Picodollars an uncached input token.
  input_pico,
  -- Picodollars an input token read from cache.
  cache_read_pico,
  -- Picodollars an input token written to cache.
  cache_write_pico,
  -- Picodollars an input token written to the one-hour cache.
  cache_write_1h_pico,
  -- Picodollars an output token.
  output_pico
) AS
SELECT
  model, provider_name, date, from_time, min(from_time) OVER later, service_tier, matched_model, tier_start_input_tokens,
  coalesce(
    lead(tier_start_input_tokens) OVER (
      PARTITION BY model, provider_name, date, from_time, service_tier ORDER BY tier_start_input_tokens),
    9223372036854775807
  ),
  _pico(coalesce(input_usd_per_million, 0)),
  _pico(coalesce(cache_read_usd_per_million, input_usd_per_million, 0)),
  _pico(coalesce(cache_write_usd_per_million, input_usd_per_million, 0)),
  _pico(coalesce(cache_write_1h_usd_per_million, cache_write_usd_per_million, input_usd_per_million, 0)),
  _pico(coalesce(output_usd_per_million, 0))
FROM token_prices
WINDOW later AS (
  PARTITION BY model, provider_name, date, service_tier ORDER BY from_time GROUPS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
);

-- A sum as BIGINT; NULL where it does not fit, which only a forged log can bring about.
CREATE MACRO _whole(total) AS TRY_CAST(total AS BIGINT);

-- An amount as it stands in a sentence.
CREATE MACRO _amount(value, measure) AS
CASE WHEN measure = 'tokens' THEN format('{:,} tokens', value::BIGINT) ELSE format('${:,.4f}', value::DOUBLE) END;
