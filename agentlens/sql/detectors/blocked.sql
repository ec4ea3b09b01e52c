-- An agent that waits for the outside world.
-- include: lens.sentences
-- include: agents.statuses
-- include: detectors.evidence

-- What agents said of their state: reports, and what stands as the status of a timed section in the log of a session or of a day
-- of an agent that makes no reports: its heading tells when the section began, a report when the word was said.
CREATE VIEW _told_states (
  -- The agent.
  agent_name,
  -- When it said so (UTC).
  time,
  -- Status word.
  status,
  -- What was said beside it.
  detail,
  -- Blockers named in a report.
  blockers,
  -- What was announced to come next.
  next_action,
  -- Wave, where given.
  wave,
  -- The source it stands in.
  source_id,
  -- Line of the source.
  source_line,
  -- Byte offset.
  source_offset,
  -- Length in bytes.
  source_length
) AS
SELECT agent_name, time, status, detail, blockers, next_action, wave, source_id, source_line, source_offset, source_length
FROM status_reports
UNION ALL
SELECT sections.agent_name, time, status, nullif(trim(regexp_replace(text, '(?m)^\W*\w+\W*:.*$', '', 'g'), E' \n.'), ''), NULL, NULL, NULL, sections.source_id, sections.source_line,
  sections.source_offset, sections.source_length
FROM sections
JOIN documents USING (document_id)
WHERE kind IN ('session', 'daily_log') AND status IS NOT NULL AND time <> time::DATE::TIMESTAMP_NS
  AND sections.agent_name NOT IN (SELECT agent_name FROM status_reports WHERE agent_name IS NOT NULL AND time IS NOT NULL);

-- Why blocked agents cannot be looked for; no reason when all is there.
CREATE VIEW _needs_blocked (
  -- False where nothing can be found for lack of evidence.
  can_look,
  -- Why, in one sentence.
  reason
) AS
SELECT
  usable > 0,
  CASE
    WHEN reports = 0 THEN 'the logs hold no status reports'
    WHEN usable = 0 THEN 'no status report has both an agent and a time recorded'
    ELSE _unjudged('status reports', reports, reports - usable, 'no agent or no time recorded')
  END
FROM (SELECT count(status) AS reports, count(status) FILTER (agent_name IS NOT NULL AND time IS NOT NULL) AS usable FROM _told_states);

-- An agent reports BLOCKED, from the first such report to the first other one.
--
-- Means: it needs something that it cannot get itself. Matters: the wait is on the critical path, and often a person could end it.
-- One finding a wait, across waves. Tier event. Severity: critical when it reported so repeatedly and was never seen unblocked, or for `long_minutes` or more;
-- else warning.
-- Example: BLOCKED (token expired) on eight beats from 13:16 to 16:49.
-- Leaves alone: every other word for waiting.
-- Misses: agents that wait without saying so.
-- Do: read the reason; it usually takes one person and one minute.
-- scope: fleet
-- version: 2
CREATE MACRO detect_blocked(long_minutes := 120) AS TABLE
WITH words AS (
  SELECT *, starts_with(status, 'BLOCKED') AS is_blocked
  FROM _told_states
  WHERE agent_name IS NOT NULL AND time IS NOT NULL AND status IS NOT NULL
),
waits AS (
  SELECT *, count(*) FILTER (NOT is_blocked) OVER (PARTITION BY agent_name ORDER BY time, is_blocked DESC, source_id, source_offset) AS wait
  FROM words
),
told AS (
  SELECT
    agent_name, wait, min(time) AS start_time, max(time) AS last_time, count(*) AS reports, list_sort(list(DISTINCT wave)) AS waves,
    arg_max(coalesce(detail, blockers[1], 'next is ' || next_action), (detail IS NOT NULL, blockers[1] IS NOT NULL, time)) AS reason,
    list(_evidence(source_id, source_line, source_offset, source_length, NULL,
      _clock(time) || ' ' || status || coalesce(' (' || coalesce(detail, array_to_string(blockers, '; ')) || ')', '')) ORDER BY time, source_id) AS evidence
  FROM waits
  WHERE is_blocked
  GROUP BY agent_name, wait
),
ended AS (
  SELECT told.*, free.time AS free_time, free.status AS free_status
  FROM told
  LEFT JOIN waits AS free ON free.agent_name = told.agent_name AND free.wait = told.wait + 1 AND NOT free.is_blocked
)
SELECT
  'event' AS tier,
  CASE WHEN (free_time IS NULL AND reports > 1) OR epoch_ns(free_time) - epoch_ns(start_time) >= long_minutes * 60000000000 THEN 'critical' ELSE 'warning' END AS severity,
  NULL::VARCHAR AS trace_id, agent_name, []::VARCHAR[] AS span_ids, start_time, coalesce(free_time, last_time) AS end_time,
  format('{} reported BLOCKED {}{}: {}.', agent_name, _times(reports),
    CASE WHEN free_time IS NULL THEN ' and was not seen unblocked'
      ELSE format(' over {}', _plural(round((epoch_ns(free_time) - epoch_ns(start_time)) / 6e10), 'minute')) END,
    coalesce(_short(reason, 120), 'no reason given')) AS summary,
  evidence, NULL::BIGINT AS tokens_wasted, NULL::DOUBLE AS cost_usd_wasted
FROM ended;
