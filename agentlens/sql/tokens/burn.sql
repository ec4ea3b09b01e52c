-- How fast tokens and money went.
-- include: tokens.usage_ledger

-- Seconds in a unit of time.
CREATE MACRO _seconds_in(unit) AS CASE unit WHEN 'minute' THEN 60 WHEN 'hour' THEN 3600 WHEN 'day' THEN 86400 WHEN 'week' THEN 604800 END;

-- What each agent spent in each `minute`, `hour`, `day` or `week`, and what it had spent by the end of it: `FROM token_burn('hour')`. Columns: time
-- (beginning, UTC), agent_name, calls, tokens (input and output), cost_usd, unpriced, tokens_so_far, cost_usd_so_far, tokens_today, cost_usd_today (since midnight UTC),
-- tokens_per_minute, cost_usd_per_hour (over the whole stretch).
CREATE MACRO token_burn(unit := 'hour') AS TABLE
WITH burnt AS (
  SELECT
    date_trunc(unit, start_time::TIMESTAMP) AS time, agent_name, count(*) AS calls,
    sum(coalesce(input_tokens, 0)::HUGEINT + coalesce(output_tokens, 0)) AS tokens, sum(cost_nano_usd) AS nano,
    count(*) FILTER (cost_usd IS NULL) AS unpriced
  FROM usage_ledger
  WHERE is_counted AND start_time IS NOT NULL
  GROUP BY ALL
)
SELECT
  time, agent_name, calls, _whole(tokens) AS tokens, nano / 1e9 AS cost_usd, unpriced, _whole(sum(tokens) OVER so_far) AS tokens_so_far,
  sum(nano) OVER so_far / 1e9 AS cost_usd_so_far, _whole(sum(tokens) OVER today) AS tokens_today, sum(nano) OVER today / 1e9 AS cost_usd_today, tokens * 60 / _seconds_in(unit) AS tokens_per_minute,
  nano / 1e9 * 3600 / _seconds_in(unit) AS cost_usd_per_hour
FROM burnt
WINDOW
  so_far AS (PARTITION BY agent_name ORDER BY time),
  today AS (PARTITION BY agent_name, time::DATE ORDER BY time);
