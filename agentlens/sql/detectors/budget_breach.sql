-- More was spent than was meant to be.
-- include: lens.sentences
-- include: detectors.evidence
-- include: tokens.budgets
-- include: agents.projects

-- Why budgets cannot be watched, or which are not; no reason when all is there.
CREATE VIEW _needs_budget_breach (
  -- False where nothing can be found for lack of evidence.
  can_look,
  -- Why, in one sentence.
  reason
) AS
SELECT
  timed > 0,
  CASE
    WHEN records = 0 THEN 'the logs hold no usage'
    WHEN timed = 0 THEN 'no usage has a time'
    ELSE nullif(concat_ws('; ',
      _untimed('records of usage', records, timed),
      CASE
        WHEN (SELECT count(*) FROM agent_budgets) = 0
          THEN 'no manifest declares a budget: without ceilings given as arguments, only calls far above the average of their agent were looked for'
        WHEN unpriced > 0 THEN format('{:,} of {:,} records {} unpriced', unpriced, records, CASE WHEN unpriced = 1 THEN 'is' ELSE 'are' END) || ': budgets in money are watched without them'
      END), '')
  END
FROM (SELECT count(*) AS records, count(start_time) AS timed, count(*) FILTER (cost_usd IS NULL) AS unpriced FROM usage_ledger WHERE is_counted);

-- A call, a task or an agent's day costs more than it may.
--
-- Means: a ceiling of a manifest (see `agent_budgets`) or of an argument is passed, or a call takes more than `call_times` the average of
-- the `window_calls` calls before it of the same agent and operation (at least `min_calls` of them), and `min_tokens` tokens more than it, and is
-- far outside their spread (3 standard deviations of the logarithm): where some calls are always large, one more is none.
-- Matters: what comes after the moment of the breach is money nobody agreed to.
-- Example: a manifest gives Atlas 0.08 USD a day; at 13:04 the sum of the day is 0.0812, and 0.127 USD are spent after that.
-- Ceilings as arguments, 0 for none: `call_tokens`; `task_tokens`, `task_usd` for a conversation, all agents together; `day_tokens`,
-- `day_usd` for each agent and day (UTC). A day is told from the share `warn` of its cap on.
-- Tier proven for ceilings, event for calls above their average (a first look at a large file is work). Severity: critical for
-- a passed ceiling of a task or day, warning for a call above its ceiling or a day near its cap, info for a call above its average.
-- Leaves alone: agents without a budget; keys that name no stretch, such as `max_tokens`.
-- Misses: what is not metered, has no time or (for money) no price.
-- Calls are compared within one project, where the log names it (`cwd`); those of agents without a name within their trace only.
-- `tokens_wasted` and `cost_usd_wasted` are what was spent after the moment of the breach.
-- Do: look at what was done after the moment of the breach; stop the agent there, or raise what it may spend.
-- scope: fleet
-- version: 4
CREATE MACRO detect_budget_breach(
  call_times := 2.0, window_calls := 20, min_calls := 5, min_tokens := 2000, call_tokens := 0, task_tokens := 0, task_usd := 0.0,
  day_tokens := 0, day_usd := 0.0, warn := 0.8
) AS TABLE
WITH spending AS MATERIALIZED (
  SELECT
    *,
    avg(tokens) OVER before AS average, count(*) OVER before AS calls_before,
    avg(ln(greatest(tokens, 1))) OVER before AS middle, coalesce(stddev_samp(ln(greatest(tokens, 1))) OVER before, 0) AS spread
  FROM _spending
  LEFT JOIN _project_of_trace USING (trace_id)
  -- Sessions of different projects are not one agent's habit, whatever it is called in each.
  WINDOW before AS (PARTITION BY agent_name, project, CASE WHEN agent_name IS NULL THEN trace_id END, operation_name ORDER BY start_time, preorder ROWS BETWEEN window_calls::INTEGER PRECEDING AND 1 PRECEDING)
),
ceilings AS (
  SELECT agent_name, level, measure, amount, 'the budget of its manifest' AS given_by, source_id, source_line, source_offset, source_length, key
  FROM agent_budgets
  UNION ALL BY NAME
  SELECT NULL AS agent_name, level, measure, amount::DOUBLE AS amount, 'the ceiling that was given' AS given_by
  FROM (VALUES
    ('call', 'tokens', call_tokens), ('task', 'tokens', task_tokens), ('task', 'cost_usd', task_usd), ('day', 'tokens', day_tokens),
    ('day', 'cost_usd', day_usd)) AS given(level, measure, amount)
  WHERE amount > 0
),
-- Every record under every ceiling that holds for it, with what was spent under it so far.
watched AS (
  SELECT
    s.* EXCLUDE (source_id, source_line, source_offset, source_length), c.level, c.measure, c.amount, c.given_by, c.agent_name AS owner, c.key,
    c.source_id AS declared_in, c.source_line AS declared_line, c.source_offset AS declared_offset, c.source_length AS declared_length,
    s.source_id, s.source_line, s.source_offset, s.source_length,
    CASE WHEN c.measure = 'tokens' THEN tokens::DOUBLE ELSE cost_nano_usd / 1e9 END AS spent,
    CASE
      WHEN c.measure = 'tokens' THEN CASE c.level WHEN 'call' THEN tokens WHEN 'day' THEN s.day_tokens
        ELSE CASE WHEN c.agent_name IS NULL THEN s.task_tokens ELSE agent_task_tokens END END::DOUBLE
      ELSE CASE c.level WHEN 'call' THEN cost_nano_usd WHEN 'day' THEN day_nano_usd
        ELSE CASE WHEN c.agent_name IS NULL THEN task_nano_usd ELSE agent_task_nano_usd END END / 1e9
    END AS so_far,
    CASE c.level WHEN 'day' THEN coalesce(s.agent_name, '') || ' ' || date ELSE task || CASE WHEN c.level = 'call' THEN coalesce(s.agent_name, '') ELSE '' END END AS stretch
  FROM spending AS s
  JOIN ceilings AS c ON c.agent_name IS NULL OR c.agent_name = s.agent_name
),
breaches AS (
  SELECT
    level, measure, amount, given_by, owner, stretch, any_value(task) AS task, any_value(date) AS date, any_value(key) AS key,
    min(so_far) FILTER (so_far > amount) AS at_breach, max(so_far) AS reached, sum(spent) FILTER (so_far > amount) AS above,
    arg_min(trace_id, preorder_of) AS trace_id, arg_min(agent_name, preorder_of) AS agent_name, arg_min(span_id, preorder_of) AS span_id,
    arg_min(start_time, preorder_of) AS start_time, max(coalesce(end_time, start_time)) AS end_time, count(*) FILTER (so_far > amount) AS records,
    list(span_id ORDER BY start_time) FILTER (level = 'call' AND so_far > amount) AS span_ids,
    arg_min(_evidence(source_id, source_line, source_offset, source_length, span_id,
      format('{} {}: {} so far', _clock(start_time), coalesce(agent_name, 'no agent'), _amount(so_far, measure))), preorder_of) AS record,
    any_value(_evidence(declared_in, declared_line, declared_offset, declared_length, NULL, 'budget ' || key)) FILTER (declared_in IS NOT NULL) AS declared,
    sum(tokens) FILTER (after_breach) AS tokens_after, sum(cost_nano_usd) FILTER (after_breach) AS nano_after
  FROM (
    SELECT
      *, CASE WHEN so_far > amount OR (level = 'day' AND so_far >= warn * amount) THEN (so_far <= amount, start_time, preorder) END AS preorder_of,
      level <> 'call' AND so_far - spent > amount AS after_breach
    FROM watched
  )
  GROUP BY ALL
  HAVING bool_or(preorder_of IS NOT NULL)
),
leaps AS (
  SELECT
    agent_name, operation_name, task, leap, count(*) AS records, max(tokens / average) AS times, arg_max(tokens, tokens / average) AS most,
    arg_max(average, tokens / average) AS usual, any_value(trace_id) AS trace_id, list(span_id ORDER BY start_time, preorder) AS span_ids,
    min(start_time) AS start_time, max(coalesce(end_time, start_time)) AS end_time, sum(tokens - average) AS above,
    list(_evidence(source_id, source_line, source_offset, source_length, span_id,
      format('{:,} tokens; the {} calls before took {:,} on average', tokens::BIGINT, calls_before, average::BIGINT)) ORDER BY start_time, preorder) AS evidence
  FROM (
    SELECT *, count(*) FILTER (NOT is_leap) OVER (PARTITION BY agent_name, operation_name, task ORDER BY start_time, preorder) AS leap
    FROM (SELECT *, coalesce(calls_before >= min_calls AND tokens - average >= min_tokens AND tokens > call_times * average
      AND ln(tokens) > middle + 3 * spread, false) AS is_leap FROM spending)
  )
  WHERE is_leap
  GROUP BY agent_name, operation_name, task, leap
)
SELECT
  'proven' AS tier,
  CASE WHEN reached > amount AND level <> 'call' THEN 'critical' ELSE 'warning' END AS severity,
  trace_id, coalesce(owner, CASE WHEN level <> 'task' THEN agent_name END) AS agent_name,
  CASE WHEN level = 'call' THEN span_ids ELSE [span_id] END AS span_ids, start_time, end_time,
  CASE
    WHEN level = 'call' THEN format('{} made {} above {} of {} a call.', coalesce(agent_name, 'An agent'), _plural(records, 'call'), given_by, _amount(amount, measure))
    ELSE format('{} spent {} {}{}: {} is {}, {} at {}.',
      CASE WHEN level = 'task' AND owner IS NULL THEN 'A conversation' ELSE coalesce(owner, agent_name, 'An agent without a name') END,
      _amount(reached, measure), CASE level WHEN 'day' THEN 'on ' || date ELSE 'in conversation ' || _short(task, 40) END,
      format(' ({:.0f} %)', 100 * reached / amount),
      given_by, _amount(amount, measure), CASE WHEN reached > amount THEN 'passed' ELSE 'nearly reached' END, _clock(start_time))
  END AS summary,
  [each FOR each IN [record, declared] IF each IS NOT NULL] AS evidence,
  CASE WHEN reached > amount THEN _whole(tokens_after) END AS tokens_wasted, CASE WHEN reached > amount THEN nano_after / 1e9 END AS cost_usd_wasted
FROM breaches
UNION ALL
SELECT
  'event', 'info', trace_id, agent_name, span_ids, start_time, end_time,
  format('{} used {:,} tokens in a {}, {:.1f} times the average of the calls before ({:,}){}.', coalesce(agent_name, 'An agent'), most::BIGINT,
    coalesce(operation_name, 'call'), times, usual::BIGINT, CASE WHEN records > 1 THEN format(', {} such calls in a row', records) ELSE '' END),
  evidence[:20], _whole(above::HUGEINT), NULL
FROM leaps;
