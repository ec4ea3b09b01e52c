-- What a million tokens cost, by model, moment of use and tier of service, for every model met in this lens; a model without a price has
-- no row.
CREATE TABLE token_prices (
  -- Model as logged (`response_model`, else `request_model`).
  model VARCHAR NOT NULL,
  -- Provider as logged; NULL where the log names none.
  provider_name VARCHAR,
  -- Day of use the prices hold for; NULL for calls in runs without a time (today's prices).
  date DATE,
  -- The prices hold from this time of the day on (UTC), up to the next such time: some providers are cheaper at night.
  from_time TIME NOT NULL,
  -- `batch`, `flex`, `priority` or `fast`, as the log says that the call was served; NULL for plain service.
  service_tier VARCHAR,
  -- Model of the price list that was matched.
  matched_model VARCHAR NOT NULL,
  -- The prices hold for calls with at least this many input tokens (0, or where a dearer tier begins).
  tier_start_input_tokens BIGINT NOT NULL,
  -- USD for a million uncached input tokens.
  input_usd_per_million DOUBLE,
  -- USD for a million input tokens read from cache.
  cache_read_usd_per_million DOUBLE,
  -- USD for a million input tokens written to cache.
  cache_write_usd_per_million DOUBLE,
  -- USD for a million input tokens written to the one-hour cache.
  cache_write_1h_usd_per_million DOUBLE,
  -- USD for a million output tokens.
  output_usd_per_million DOUBLE
);
