-- What became of every failure.
-- include: recovery.attempts
-- include: recovery.told
-- include: spans.errors
-- include: agents.statuses
-- include: tokens.usage_ledger
-- include: detectors.evidence

-- Failures and the attempts that follow one another from them, each failure that is no attempt itself being a beginning: preorder (place of the
-- first failed span), attempts, strategies in order, last_preorder (place of the last attempt), is_success
-- (whether that worked), is_helped (whether a person spoke on the way). Argument: the name of a relation with the attempts.
CREATE MACRO _recovery_chains(tried_attempts) AS TABLE
WITH RECURSIVE
tried AS MATERIALIZED (FROM query_table(tried_attempts)),
-- A step that is tried for several failures at once goes on from the last of them.
chain AS (
  SELECT failed_preorder AS first_preorder, preorder AS here, 1 AS attempt, strategy, is_success, is_after_person
  FROM tried
  WHERE failed_preorder NOT IN (SELECT preorder FROM tried WHERE NOT is_success)
  UNION ALL
  SELECT first_preorder, tried.preorder, attempt + 1, tried.strategy, tried.is_success, tried.is_after_person
  FROM chain
  JOIN tried ON tried.failed_preorder = chain.here
  WHERE NOT chain.is_success
)
SELECT
  first_preorder AS preorder, max(attempt) AS attempts, list(strategy ORDER BY attempt) AS strategies,
  arg_max(here, attempt) AS last_preorder, arg_max(is_success, attempt) AS is_success, bool_or(is_after_person) AS is_helped
FROM chain
GROUP BY first_preorder;

-- Every failure: those that are marked (`errors`), and those that only an answer tells of, with is_told.
CREATE MACRO _all_failures() AS TABLE
SELECT *, false AS is_told FROM errors
UNION ALL BY NAME
SELECT
  trace_id, span_id, agent_name, 'tool' AS kind, name, operation_name, tool_name, start_time, end_time, error_class(NULL, message, operation_name) AS error_class,
  message, depth, preorder, source_id, source_line, source_offset, source_length, true AS is_told
FROM spans
JOIN (SELECT preorder, message FROM _failures_told) AS told USING (preorder);

-- The spans around failures, from the inside, up to the first one above that did not fail: leaf (place of the failure in tree order), preorder (of the span above),
-- level (how many levels above), is_error (whether it failed as well). Argument: the name of a relation with the failures.
CREATE MACRO _failures_upwards(failures) AS TABLE
WITH RECURSIVE
leaves AS MATERIALIZED (SELECT preorder FROM query_table(failures)),
parents AS MATERIALIZED (
  SELECT child.preorder, parent.preorder AS parent_preorder, parent.status_code = 'ERROR' AND NOT parent.is_control_flow AS is_error
  FROM (FROM spans WHERE ((status_code = 'ERROR' AND NOT is_control_flow) OR preorder IN (FROM leaves)) AND depth > 0) AS child
  ASOF JOIN spans AS parent ON parent.depth = child.depth - 1 AND parent.preorder < child.preorder
),
climb AS (
  SELECT preorder AS leaf, parent_preorder AS preorder, 1 AS level, is_error FROM leaves JOIN parents USING (preorder)
  UNION ALL
  SELECT leaf, parent_preorder, level + 1, parents.is_error
  FROM climb
  JOIN parents ON parents.preorder = climb.preorder
  WHERE climb.is_error
)
FROM climb;

-- Trouble that agents reported, and their first report after it that speaks of none.
CREATE VIEW _reported_trouble (
  -- The agent.
  agent_name,
  -- Wave of the report.
  wave,
  -- Upper-case status word.
  status,
  -- What was said beside it.
  detail,
  -- When trouble was first reported (UTC).
  start_time,
  -- When the first report without trouble came (UTC); NULL when none did.
  recovered_time,
  -- That report's status word.
  next_status,
  -- The source it stands in.
  source_id,
  -- Line of the source.
  source_line,
  -- Byte offset.
  source_offset,
  -- Length in bytes.
  source_length
) AS
WITH told AS (
  SELECT *, is_trouble(status) AS is_bad, coalesce(lag(is_trouble(status)) OVER in_order, false) AS was_bad
  FROM status_reports
  WHERE time IS NOT NULL AND agent_name IS NOT NULL AND status IS NOT NULL
  WINDOW in_order AS (PARTITION BY agent_name ORDER BY time, source_id, source_offset)
),
turns AS (
  SELECT *, lead(time) OVER in_order AS next_time, lead(status) OVER in_order AS next_status
  FROM told
  WHERE is_bad <> was_bad
  WINDOW in_order AS (PARTITION BY agent_name ORDER BY time, source_id, source_offset)
)
SELECT agent_name, wave, status, detail, time, next_time, next_status, source_id, source_line, source_offset, source_length
FROM turns
WHERE is_bad;

-- What became of the failures that are no attempts themselves: the columns of `errors`, is_told (only its answer says that it failed), then target (the tool, model or agent), failed_above,
-- agents_failed_above and contained_by as in `recoveries`, has_more (other work followed in the same run), is_mended (an attempt at the step itself worked), is_helped (a person spoke on the way), mender (place of the
-- attempt that worked, here or further up; NULL where none did) and all_strategies (in the order they were tried).
CREATE MACRO _settled_failures() AS TABLE
WITH failures AS MATERIALIZED (FROM _all_failures()),
near AS MATERIALIZED (FROM _steps_near_failures()),
tried AS MATERIALIZED (FROM _recovery_attempts_among('near')),
chains AS MATERIALIZED (FROM _recovery_chains('tried')),
upwards AS MATERIALIZED (FROM _failures_upwards('failures')),
steps AS MATERIALIZED (SELECT preorder, place < count(*) OVER (PARTITION BY lane) AS has_more FROM near),
failed_attempts AS MATERIALIZED (SELECT preorder FROM tried WHERE NOT is_success),
repeated AS (
  FROM failed_attempts
  UNION ALL
  SELECT leaf FROM upwards SEMI JOIN failed_attempts USING (preorder)
),
-- A failed request inside a call is a failure of that call: what is tried again is the innermost failed call or run.
acts AS (
  SELECT leaf, arg_min(preorder, level) AS act, min(level) AS act_level
  FROM (SELECT preorder AS leaf, preorder, 0 AS level FROM failures UNION ALL SELECT leaf, preorder, level FROM upwards WHERE is_error)
  SEMI JOIN steps USING (preorder)
  GROUP BY leaf
),
above AS (
  SELECT
    upwards.leaf, count(*) FILTER (upwards.is_error AND level > coalesce(act_level, 0)) AS failed_above,
    count(DISTINCT spans.agent_name) FILTER (upwards.is_error AND spans.agent_name <> failures.agent_name) AS agents_failed_above,
    any_value(coalesce(spans.agent_name, 'a step without an agent')) FILTER (NOT upwards.is_error) AS contained_by,
    arg_min(upwards.preorder, level) FILTER (chains.is_success AND level > coalesce(act_level, 0)) AS mended_above
  FROM upwards
  JOIN spans USING (preorder)
  JOIN failures ON failures.preorder = upwards.leaf
  LEFT JOIN acts ON acts.leaf = upwards.leaf
  LEFT JOIN chains ON chains.preorder = upwards.preorder AND upwards.is_error
  GROUP BY upwards.leaf
)
SELECT
  failures.*, coalesce(CASE kind WHEN 'model' THEN model WHEN 'agent' THEN agent_name ELSE tool_name END, name) AS target,
  coalesce(failed_above, 0) AS failed_above, coalesce(agents_failed_above, 0) AS agents_failed_above,
  CASE WHEN is_told AND contained_by IS NULL THEN coalesce(failures.agent_name, 'a step without an agent') ELSE contained_by END AS contained_by, has_more,
  coalesce(own.is_success, false) AS is_mended, coalesce(own.is_helped, false) OR coalesce(up.is_helped, false) AS is_helped, CASE WHEN own.is_success THEN own.last_preorder ELSE up.last_preorder END AS mender,
  CASE WHEN own.is_success THEN own.strategies ELSE list_concat(coalesce(own.strategies, []), coalesce(up.strategies, [])) END AS all_strategies
FROM failures
LEFT JOIN acts ON acts.leaf = failures.preorder
LEFT JOIN chains AS own ON own.preorder = act
LEFT JOIN steps ON steps.preorder = coalesce(own.last_preorder, act)
LEFT JOIN above ON above.leaf = failures.preorder
LEFT JOIN chains AS up ON up.preorder = mended_above AND NOT coalesce(own.is_success, false)
WHERE failures.preorder NOT IN (FROM repeated);

-- Failures that nobody mended, each told in one sentence; those that only an answer tells of are among them.
CREATE VIEW _failures_unmended (
  -- Place of the failed span in tree order.
  preorder,
  -- Its trace.
  trace_id,
  -- What failed, for whom and why.
  summary,
  -- What the log says about it, else its type or class.
  reason
) AS
SELECT
  preorder, trace_id,
  format(CASE WHEN is_told THEN '{} answered{} with a failure that nothing marks as one, and was not mended: {}.' ELSE '{} failed{} and was not mended: {}.' END,
    coalesce(target, 'A step'), coalesce(CASE WHEN NOT is_told THEN ' for' ELSE '' END || ' ' || CASE WHEN agent_name <> target THEN agent_name END, ''), rtrim(_short(why, 120), '.')),
  why
FROM (
  SELECT *, coalesce(CASE WHEN regexp_matches(message, '[\pL\d]') THEN message END, error_type, nullif(error_class, 'unknown'), 'the log does not say why') AS why
  FROM _settled_failures()
)
WHERE mender IS NULL;

-- Every failure with what was tried, whether it worked, how long it took and what it cost. A failure that is itself an attempt to mend an
-- earlier one belongs to that one; trouble that agents report (BLOCKED, FAILED, ...) is here too, as kind `report`.
--
-- `outcome`: recovered (a later attempt worked, here or by running again what stands above); went on (nothing more was tried, other calls
-- of its kind followed in the same run); gave up (none followed in the run, and what stands above reports no failure); failed (it was carried up to
-- the root of its tree); not known (the log has no times, so that nobody can say what came after it); open (reported trouble that no later report ends).
-- `fallback_level`: 0 the same again, 1 the same in another way, 2 another tool, model or agent, 3 begun again further up, 4 a person
-- helped, who was asked or spoke in between; NULL where nothing worked.
CREATE VIEW recoveries (
  -- Trace of the failure.
  trace_id,
  -- The span that failed; NULL for a report.
  span_id,
  -- The agent that failed.
  agent_name,
  -- `tool`, `model`, `agent`, `retrieval`, `workflow`, `step` or `report`.
  kind,
  -- The tool, model or agent that failed, for a step inside a failed tool call that tool; the status word of a report.
  target,
  -- Class as in `errors`; of a report `reported trouble`.
  error_class,
  -- What the log says about it.
  message,
  -- recovered, went on, gave up, failed, not known or open.
  outcome,
  -- The strategy of the last attempt (see `recovery_attempts`); none where nothing was tried; NULL for a report.
  strategy,
  -- Strategies in the order they were tried.
  strategies,
  -- Number of attempts after the failure.
  attempts,
  -- How far the way that worked was from the first.
  fallback_level,
  -- The attempt that worked.
  recovered_span_id,
  -- When the failure began (UTC).
  start_time,
  -- When the attempt that worked ended, or the report without trouble came (UTC).
  end_time,
  -- Time to recovery: from the end of the failure to `end_time`, in nanoseconds.
  recovery_ns,
  -- Input and output tokens that the agent spent in that time, each usage record counted once.
  tokens,
  -- Money in USD spent in that time, as far as it is priced.
  cost_usd,
  -- How many spans above failed with it; the failed call or run it stands in is not above it.
  failed_above,
  -- How many other agents failed with it.
  agents_failed_above,
  -- The agent whose span above did not fail any more; NULL where all failed up to the root.
  contained_by,
  -- True where nothing marks the call as failed, and only its answer says so.
  is_told,
  -- Place of the failed span in tree order.
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
WITH timed AS MATERIALIZED (
  SELECT
    settled.*, mender_span.span_id AS recovered_span_id, coalesce(mender_span.end_time, mender_span.start_time) AS recovered_time,
    coalesce(settled.end_time, settled.start_time) AS failed_time
  FROM _settled_failures() AS settled
  LEFT JOIN spans AS mender_span ON mender_span.preorder = mender
),
running AS MATERIALIZED (
  SELECT trace_id, agent_name, start_time, max(tokens) AS tokens, max(cost_nano_usd) AS cost_nano_usd
  FROM (
    SELECT
      trace_id, coalesce(agent_name, '') AS agent_name, start_time,
      sum(coalesce(input_tokens, 0)::HUGEINT + coalesce(output_tokens, 0)) OVER so_far AS tokens,
      sum(cost_nano_usd) OVER so_far AS cost_nano_usd
    FROM ledger_of((SELECT coalesce(list(DISTINCT trace_id), []) FROM timed WHERE mender IS NOT NULL))
    WHERE is_counted AND start_time IS NOT NULL
    WINDOW so_far AS (PARTITION BY trace_id, coalesce(agent_name, '') ORDER BY start_time)
  )
  GROUP BY ALL
),
spent AS (
  SELECT
    timed.*, until.tokens - coalesce(before.tokens, 0) AS tokens, until.cost_nano_usd - coalesce(before.cost_nano_usd, 0) AS cost_nano_usd
  FROM (SELECT *, coalesce(agent_name, '') AS spender FROM timed) AS timed
  ASOF LEFT JOIN running AS before
    ON before.trace_id = timed.trace_id AND before.agent_name = spender AND before.start_time < failed_time
  ASOF LEFT JOIN running AS until
    ON until.trace_id = timed.trace_id AND until.agent_name = spender AND until.start_time <= recovered_time
)
SELECT
  trace_id, span_id, agent_name, kind, target, error_class, message,
  CASE
    WHEN mender IS NOT NULL THEN 'recovered'
    WHEN contained_by IS NULL THEN 'failed'
    WHEN start_time IS NULL THEN 'not known'
    WHEN has_more THEN 'went on'
    ELSE 'gave up'
  END AS outcome,
  coalesce(all_strategies[-1], 'none') AS strategy, all_strategies AS strategies, len(all_strategies) AS attempts,
  CASE WHEN mender IS NOT NULL THEN CASE
    WHEN all_strategies[-1] = 'escalate' OR is_helped THEN 4
    WHEN NOT is_mended OR all_strategies[-1] = 'rerun' THEN 3
    WHEN all_strategies[-1] IN ('fallback', 'delegate') THEN 2
    WHEN all_strategies[-1] IN ('rephrase', 'repair') THEN 1
    ELSE 0
  END END AS fallback_level,
  recovered_span_id, start_time, recovered_time AS end_time, epoch_ns(recovered_time) - epoch_ns(failed_time) AS recovery_ns,
  CASE WHEN mender IS NOT NULL THEN _whole(tokens) END AS tokens, CASE WHEN mender IS NOT NULL THEN cost_nano_usd / 1e9 END AS cost_usd,
  failed_above, agents_failed_above, contained_by, is_told, preorder, source_id, source_line, source_offset, source_length
FROM spent
UNION ALL
SELECT
  NULL, NULL, agent_name, 'report', status, 'reported trouble', detail, CASE WHEN recovered_time IS NULL THEN 'open' ELSE 'recovered' END,
  NULL, [], 0, NULL, NULL, start_time, recovered_time, epoch_ns(recovered_time) - epoch_ns(start_time), NULL, NULL, 0, 0, NULL, false, NULL,
  source_id, source_line, source_offset, source_length
FROM _reported_trouble;
