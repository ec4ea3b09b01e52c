-- Many agents that fall upon one thing at once.
-- include: lens.sentences
-- include: spans.errors
-- include: agents.beats
-- include: detectors.evidence

-- What a tool call uses, where its arguments name it: the host of an address, else a service, table, queue, database, server, bucket, path or key.
CREATE MACRO _resource_of(arguments) AS
CASE WHEN json_valid(arguments) THEN coalesce(
  nullif(regexp_extract(coalesce(arguments->>'$.url', arguments->>'$.uri', arguments->>'$.endpoint', arguments->>'$.base_url'), '^\w+://([^/?#]+)', 1), ''),
  arguments->>'$.host', arguments->>'$.resource', arguments->>'$.service', arguments->>'$.endpoint', arguments->>'$.table', arguments->>'$.queue',
  arguments->>'$.database', arguments->>'$.db', arguments->>'$.dsn', arguments->>'$.connection', arguments->>'$.server', arguments->>'$.cluster', arguments->>'$.bucket',
  arguments->>'$.index', arguments->>'$.topic', arguments->>'$.channel', arguments->>'$.path', arguments->>'$.file_path', arguments->>'$.key'
) END;

-- Why thundering herds cannot be looked for; no reason when all is there.
CREATE VIEW _needs_thundering_herd (
  -- False where nothing can be found for lack of evidence.
  can_look,
  -- Why, in one sentence.
  reason
) AS
SELECT
  agents >= 5,
  CASE
    WHEN usable = 0 THEN 'the logs hold no tool calls with times'
    WHEN agents < 5 THEN 'fewer than five agents are known from tool calls'
    ELSE nullif(concat_ws('; ',
      _unjudged('tool calls', calls, calls - usable, 'no agent or no time recorded'),
      CASE WHEN beats = 0 THEN 'the logs hold no heartbeats: only herds under which a resource gave way, and those of a timer, were looked for' END), '')
  END
FROM (SELECT count(*) AS beats FROM _beats WHERE kind = 'heartbeat'), (
  SELECT
    count(*) AS calls, count(start_time) FILTER (agent_name IS NOT NULL) AS usable, count(DISTINCT agent_name) FILTER (start_time IS NOT NULL) AS agents
  FROM spans
  WHERE operation_name = 'execute_tool'
);

-- `min_agents` agents call one resource within `seconds`, right after a heartbeat, at the beat of a timer, or so that it gives way.
--
-- Means: a beat, a timer or a release woke all at the same moment. Matters: what carries each of them does not carry all at once; spread
-- starts cost nothing. A resource is the host, service, table, queue, path or key that the arguments name, else the tool
-- within one trace. Fires when at least two
-- of the calls fail by rate limit, time-out or unavailability, or when a heartbeat stands at most `seconds` before the first call and the
-- arguments name the resource, or when three rushes or more on a resource that they name come at equal distances of a minute at least (or multiples of it, to `seconds`).
-- One finding a rush, or a timer. Tier event. Severity: warning when calls failed so, else info.
-- Example: seven agents call one host within two seconds of the heartbeat, three are answered 429.
-- Leaves alone: fan-out that nothing suffered from and no beat woke; one agent with many calls; teams that work all the time; agents that use one tool on different
-- resources.
-- Misses: shared resources that arguments do not name; slowness without errors; model providers.
-- Do: spread starts by a random delay, or put a queue before the resource.
-- scope: fleet
-- version: 3
CREATE MACRO detect_thundering_herd(min_agents := 5, seconds := 5) AS TABLE
WITH timed AS (
  SELECT preorder, agent_name, status_code = 'ERROR' AS is_error, epoch_ns(start_time) // (seconds::BIGINT * 1000000000) AS bin
  FROM spans
  WHERE operation_name = 'execute_tool' AND start_time IS NOT NULL AND agent_name IS NOT NULL
),
beats AS MATERIALIZED (
  SELECT DISTINCT time, epoch_ns(time) // (seconds::BIGINT * 1000000000) AS bin FROM _beats WHERE kind = 'heartbeat'
),
busy_bins AS MATERIALIZED (
  SELECT bin, list(DISTINCT agent_name) AS agents, count(*) FILTER (is_error) AS errors FROM timed GROUP BY bin
),
-- Only where many agents call at all, and a beat is near, several calls fail or hardly anybody called just before, is it worth looking what they call.
lively AS MATERIALIZED (
  SELECT here.bin
  FROM busy_bins AS here
  LEFT JOIN (SELECT bin - 1 AS bin, agents, errors FROM busy_bins) AS next USING (bin)
  LEFT JOIN (SELECT bin + 1 AS bin, len(agents) AS agents FROM busy_bins) AS before USING (bin)
  WHERE len(list_distinct(list_concat(here.agents, coalesce(next.agents, [])))) >= min_agents
    AND (here.errors + coalesce(next.errors, 0) >= 2 OR here.bin IN (SELECT bin FROM beats UNION SELECT bin + 1 FROM beats) OR coalesce(before.agents, 0) * 3 <= min_agents)
),
named AS (
  SELECT
    preorder, trace_id, agent_name, start_time, tool_name, bin, _resource_of(tool_call_arguments) AS named_resource,
    status_code = 'ERROR' AND error_class(error_type, coalesce(status_message, left(tool_call_result, 500)), operation_name)
      IN ('rate limit', 'time-out', 'unavailable') AS gave_way
  FROM spans
  JOIN (SELECT preorder, bin FROM timed SEMI JOIN (SELECT bin FROM lively UNION SELECT bin + 1 FROM lively) AS both_bins USING (bin)) USING (preorder)
),
calls AS MATERIALIZED (
  SELECT * EXCLUDE (named_resource), coalesce(named_resource, tool_name || ' of one trace (' || trace_id || ')') AS resource, named_resource IS NOT NULL AS is_named
  FROM named
),
-- A rush lies within two bins that follow one another.
bins AS (
  SELECT resource, bin, list(DISTINCT agent_name) AS agents FROM calls WHERE resource IS NOT NULL GROUP BY resource, bin
),
full_bins AS MATERIALIZED (
  SELECT resource, bin
  FROM bins AS here
  LEFT JOIN (SELECT resource, bin - 1 AS bin, agents AS agents_next FROM bins) AS next USING (resource, bin)
  WHERE len(list_distinct(list_concat(agents, coalesce(agents_next, [])))) >= min_agents
),
near AS (
  SELECT calls.*
  FROM calls
  SEMI JOIN (SELECT resource, bin FROM full_bins UNION SELECT resource, bin + 1 FROM full_bins) AS both_bins USING (resource, bin)
),
crowded AS (
  SELECT
    *, len(list_distinct(list(agent_name) OVER soon)) >= min_agents AS is_dense,
    coalesce(epoch_ns(start_time) - epoch_ns(lag(start_time) OVER (PARTITION BY resource ORDER BY start_time, preorder)) > seconds::BIGINT * 1000000000, true) AS is_first
  FROM near
  WINDOW soon AS (PARTITION BY resource ORDER BY epoch_ns(start_time) RANGE BETWEEN CURRENT ROW AND seconds::BIGINT * 1000000000 FOLLOWING)
),
rushes AS (
  SELECT
    resource, rush, min(start_time) AS first_start, max(start_time) AS last_start, count(DISTINCT agent_name) AS agents, count(*) AS calls,
    count(*) FILTER (gave_way) AS failures, bool_and(is_named) AS is_named, list(preorder ORDER BY start_time, preorder) AS places
  FROM (SELECT *, count(*) FILTER (is_first) OVER (PARTITION BY resource ORDER BY start_time, preorder) AS rush FROM crowded)
  GROUP BY resource, rush
  HAVING bool_or(is_dense)
),
woken AS (
  SELECT rushes.*, beat.time AS beat_time
  FROM rushes
  ASOF LEFT JOIN beats AS beat ON beat.time <= first_start
),
-- Rushes upon one resource that come again and again after the same time, a minute at least, or a multiple of it: a timer wakes them.
pauses AS (
  SELECT resource, pause_ns, min(pause_ns) OVER (PARTITION BY resource) AS period_ns
  FROM (
    SELECT resource, epoch_ns(first_start) - epoch_ns(lag(first_start) OVER (PARTITION BY resource ORDER BY first_start)) AS pause_ns
    FROM rushes
    WHERE is_named
  )
  WHERE pause_ns IS NOT NULL
),
timers AS (
  SELECT resource, min(pause_ns) AS period_ns
  FROM (SELECT *, abs(pause_ns - round(pause_ns / period_ns) * period_ns) <= seconds::BIGINT * 1000000000 AS is_on_time FROM pauses)
  GROUP BY resource
  HAVING count(*) >= 2 AND min(pause_ns) >= 60000000000 AND bool_and(is_on_time)
),
told AS (
  SELECT
    *, beat_time IS NOT NULL AND is_named AND epoch_ns(first_start) - epoch_ns(beat_time) <= seconds::BIGINT * 1000000000 AS is_woken,
    failures < 2 AND NOT is_woken AND period_ns IS NOT NULL AS is_timed
  FROM woken
  LEFT JOIN timers USING (resource)
),
-- What a timer wakes is one finding; every other rush is one.
incidents AS (
  SELECT
    resource, CASE WHEN NOT is_timed THEN rush END AS rush, max(agents) AS agents, sum(calls)::BIGINT AS calls, sum(failures)::BIGINT AS failures,
    max(epoch_ns(last_start) - epoch_ns(first_start)) AS length_ns, min(first_start) AS first_start, max(last_start) AS last_start, count(*) AS rushes,
    CASE WHEN any_value(is_timed) THEN any_value(period_ns) END AS period_ns, CASE WHEN any_value(is_woken) THEN any_value(beat_time) END AS beat_time, flatten(list(places)) AS places
  FROM told
  WHERE failures >= 2 OR is_woken OR is_timed
  GROUP BY resource, CASE WHEN NOT is_timed THEN rush END
)
SELECT
  'event' AS tier, CASE WHEN any_value(failures) >= 2 THEN 'warning' ELSE 'info' END AS severity,
  CASE WHEN count(DISTINCT trace_id) = 1 THEN any_value(trace_id) END AS trace_id, NULL::VARCHAR AS agent_name,
  list(span_id ORDER BY start_time, preorder)[:200] AS span_ids, first_start AS start_time, max(coalesce(end_time, start_time)) AS end_time,
  format('{} agents called {} {} times within {} s{}{}.', any_value(agents), _short(regexp_replace(told.resource, ' of one trace .*', ''), 80), any_value(calls),
    round(any_value(length_ns) / 1e9, 1),
    CASE WHEN any_value(period_ns) IS NOT NULL THEN format(' of one another, {} times, every {}', any_value(rushes), _how_long(any_value(period_ns)))
      WHEN any_value(beat_time) IS NOT NULL THEN ', right after the heartbeat of ' || _clock(any_value(beat_time)) ELSE '' END,
    CASE WHEN any_value(failures) > 0 THEN format('; {} failed under it', _plural(any_value(failures), 'call')) ELSE '' END) AS summary,
  list(_evidence(source_id, source_line, source_offset, source_length, span_id, spans.agent_name || ' calls ' || tool_name || CASE WHEN status_code = 'ERROR'
    THEN ': ' || coalesce(status_message, error_type, 'failed') ELSE '' END) ORDER BY start_time, preorder)[:50] AS evidence,
  NULL::BIGINT AS tokens_wasted, NULL::DOUBLE AS cost_usd_wasted
FROM (SELECT *, unnest(places) AS preorder FROM incidents) AS told
JOIN spans USING (preorder)
GROUP BY told.resource, rush, first_start;
