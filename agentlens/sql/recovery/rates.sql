-- How well failures are mended: by agent, and by what is tried.
-- include: recovery.recoveries

-- The 95% interval of a share by Wilson's score: `low` and `high`, 0 to 1; NULL without cases.
CREATE MACRO _share_interval(successes, cases) AS
CASE WHEN cases > 0 THEN struct_pack(
  low := greatest(0.0, (2 * successes + 1.96 ** 2 - 1.96 * sqrt(1.96 ** 2 + 4.0 * successes * (cases - successes) / cases)) / (2 * (cases + 1.96 ** 2))),
  high := least(1.0, (2 * successes + 1.96 ** 2 + 1.96 * sqrt(1.96 ** 2 + 4.0 * successes * (cases - successes) / cases)) / (2 * (cases + 1.96 ** 2)))
) END;

-- Each agent: how many of its failures were mended without a person, how fast and at what price. Reported trouble is left out: a person may
-- have ended it; so are failures of which it is not known what came after them.
CREATE VIEW recovery_by_agent (
  -- The agent that failed.
  agent_name,
  -- Number of failures; attempts that failed again belong to the first.
  failures,
  -- Number of those that a later attempt mended without a person.
  recovered,
  -- Number of those that a person mended who was asked.
  by_person,
  -- Automatic recovery rate: recovered per failure, 0 to 1.
  recovery_rate,
  -- Lower end of its 95% interval (Wilson).
  recovery_rate_low,
  -- Upper end of its 95% interval.
  recovery_rate_high,
  -- Number of failures that reached the root of their tree.
  failed,
  -- Number of failures that made spans above fail and were stopped by one further up.
  contained,
  -- Median time to recovery in nanoseconds, exact.
  recovery_p50_ns,
  -- 95th percentile of the same.
  recovery_p95_ns,
  -- Tokens spent on recoveries.
  tokens,
  -- Money in USD spent on recoveries, as far as it is priced.
  cost_usd,
  -- How often a way of each `fallback_level` worked: a map from level to number.
  fallback_levels
) AS
SELECT
  agent_name, count(*), count(*) FILTER (is_automatic), count(*) FILTER (fallback_level = 4), count(*) FILTER (is_automatic) / count(*),
  _share_interval(count(*) FILTER (is_automatic), count(*)).low, _share_interval(count(*) FILTER (is_automatic), count(*)).high,
  count(*) FILTER (outcome = 'failed'), count(*) FILTER (failed_above > 0 AND contained_by IS NOT NULL),
  (quantile_cont(recovery_ns, 0.5) FILTER (recovery_ns >= 0))::BIGINT, (quantile_cont(recovery_ns, 0.95) FILTER (recovery_ns >= 0))::BIGINT,
  _whole(sum(tokens)), sum(cost_usd),
  histogram(fallback_level)
FROM (SELECT *, outcome = 'recovered' AND fallback_level < 4 AS is_automatic FROM recoveries)
WHERE kind <> 'report' AND outcome <> 'not known'
GROUP BY agent_name;

-- Which way of going on works for which agent and error: `FROM recovery_strategies(min_cases := 5)`. Columns: agent_name, error_class,
-- strategy, cases (attempts of that kind), successes, success_rate with success_rate_low and success_rate_high (95%, Wilson),
-- pause_p50_ns (median wait before the attempt), is_better (its interval lies above those of all other ways for the same agent and
-- error). Ways with fewer than `min_cases` attempts are left out: they say nothing; so are attempts after a person had spoken.
CREATE MACRO recovery_strategies(min_cases := 5) AS TABLE
WITH counted AS (
  SELECT
    tried.agent_name, error_class(failed.error_type, coalesce(nullif(failed.status_message, ''), left(failed.tool_call_result, 1000)), failed.operation_name) AS error_class,
    strategy, count(*) AS cases, count(*) FILTER (is_success) AS successes, quantile_cont(pause_ns, 0.5)::BIGINT AS pause_p50_ns
  FROM recovery_attempts AS tried
  JOIN spans AS failed ON failed.preorder = failed_preorder
  WHERE NOT is_after_person
  GROUP BY ALL
  HAVING count(*) >= min_cases
),
rated AS (
  SELECT
    agent_name, error_class, strategy, cases, successes, successes / cases AS success_rate,
    _share_interval(successes, cases).low AS success_rate_low, _share_interval(successes, cases).high AS success_rate_high, pause_p50_ns
  FROM counted
)
SELECT
  *, coalesce(success_rate_low > max(success_rate_high) OVER (
    PARTITION BY agent_name, error_class ORDER BY success_rate_low DESC, strategy ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING), false) AS is_better
FROM rated;
