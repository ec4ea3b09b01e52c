-- Work in waves: who was sent what, who reported what, and where it first broke.
-- include: agents.handoffs
-- include: agents.statuses
-- include: spans.errors

-- Number of a wave in a workflow or span name such as `wave 14`; NULL where it names none.
CREATE MACRO _wave_in(text) AS TRY_CAST(nullif(regexp_extract(text, '(?i)\bwave[ _#-]*(\d{1,9})\b', 1), '') AS INTEGER);

-- The wave of every trace that names one, in a root span: attribute `wave.number` or `wave`, workflow name, span name.
CREATE VIEW _wave_of_trace (
  -- The trace.
  trace_id,
  -- Number of the wave.
  wave
) AS
SELECT
  trace_id,
  min(coalesce(
    TRY_CAST(attributes->>'$."wave.number"' AS INTEGER), TRY_CAST(attributes->>'$.wave' AS INTEGER),
    _wave_in(workflow_name), _wave_in(name)
  )) AS wave
FROM spans
WHERE depth = 0
GROUP BY trace_id
HAVING wave IS NOT NULL;

-- Every wave named by status reports, messages or traces.
CREATE VIEW waves (
  -- Number of the wave.
  wave,
  -- First moment (UTC): of its traces, else of its reports and messages.
  start_time,
  -- Last moment (UTC).
  end_time,
  -- Traces that belong to it.
  trace_ids,
  -- Who was sent what: agent, by whom, when, the brief, and the span that sent it.
  sent,
  -- Who reported what, in order: agent, when, status, detail, and what kind of report.
  reported,
  -- The last status of every agent, a map.
  statuses,
  -- Agents whose last status says that the work is done.
  done,
  -- Agents whose last status reports trouble.
  in_trouble,
  -- Agents that were sent work or gave a sign of life, and never reported the end of it, while others did.
  without_report,
  -- Number of failures in its traces, each counted at its innermost span.
  errors,
  -- What broke, one sentence each: by the reports and the status of the traces. A wave in which all report success breaks nothing here.
  what_broke,
  -- True in the first wave in which something broke.
  is_first_broken,
  -- Number of critical and warning findings in its traces; 0 before `al.detect()`.
  findings
) AS
WITH briefs AS (
  SELECT wave, to_agent AS agent_name, from_agent AS sender, start_time AS time, task AS payload, trace_id, span_id
  FROM handoffs JOIN _wave_of_trace USING (trace_id)
  WHERE kind = 'tool'
  UNION ALL
  SELECT wave, recipient, sender, time, payload, trace_id, span_id
  FROM agent_messages
  WHERE wave IS NOT NULL AND kind <> 'pax'
),
reports AS (
  SELECT wave, agent_name, time, kind, status, detail, source_id, source_offset FROM status_reports WHERE wave IS NOT NULL
),
latest AS (
  SELECT wave, agent_name, arg_max(status, (time, source_id, source_offset)) AS status, bool_or(kind <> 'heartbeat') AS has_reported
  FROM reports
  WHERE agent_name IS NOT NULL
  GROUP BY ALL
),
members AS (
  SELECT wave, agent_name, status, coalesce(has_reported, false) AS has_reported
  FROM (SELECT DISTINCT wave, agent_name FROM briefs WHERE agent_name IS NOT NULL)
  FULL JOIN latest USING (wave, agent_name)
),
standing AS (
  SELECT
    wave,
    map_from_entries(list({'k': agent_name, 'v': status} ORDER BY agent_name) FILTER (status IS NOT NULL)) AS statuses,
    coalesce(list(agent_name ORDER BY agent_name) FILTER (is_done(status)), []) AS done,
    coalesce(list(agent_name ORDER BY agent_name) FILTER (is_trouble(status)), []) AS in_trouble,
    CASE WHEN bool_or(has_reported) THEN coalesce(list(agent_name ORDER BY agent_name) FILTER (NOT has_reported), []) ELSE [] END
      AS without_report,
    coalesce(list(agent_name || ' reported ' || status ORDER BY agent_name) FILTER (is_trouble(status)), []) AS troubles
  FROM members
  GROUP BY wave
),
sent_by_wave AS (
  SELECT
    wave, min(time) AS start_time, max(time) AS end_time,
    list({'agent_name': agent_name, 'sender': sender, 'time': time, 'payload': payload, 'trace_id': trace_id, 'span_id': span_id}
      ORDER BY time, agent_name) AS sent
  FROM briefs
  GROUP BY wave
),
reported_by_wave AS (
  SELECT
    wave, min(time) AS start_time, max(time) AS end_time,
    list({'agent_name': agent_name, 'time': time, 'status': status, 'detail': detail, 'kind': kind} ORDER BY time, agent_name) AS reported
  FROM reports
  GROUP BY wave
),
runs AS (
  SELECT
    wave, min(start_time) AS start_time, max(coalesce(end_time, start_time)) AS end_time, list_sort(list(DISTINCT trace_id)) AS trace_ids,
    list(DISTINCT name || ' ended in error' || coalesce(': ' || status_message, ''))
      FILTER (depth = 0 AND status_code = 'ERROR' AND NOT is_control_flow AND NOT is_orphan) AS broken_roots
  FROM spans JOIN _wave_of_trace USING (trace_id)
  GROUP BY wave
),
failures AS (SELECT wave, count(*) AS errors FROM errors JOIN _wave_of_trace USING (trace_id) GROUP BY wave),
found AS (
  SELECT wave, count(*) AS findings
  FROM findings JOIN _wave_of_trace USING (trace_id)
  WHERE severity IN ('critical', 'warning')
  GROUP BY wave
),
told AS (
  SELECT
    wave, coalesce(runs.start_time, least(sent_by_wave.start_time, reported_by_wave.start_time)) AS start_time,
    coalesce(runs.end_time, greatest(sent_by_wave.end_time, reported_by_wave.end_time)) AS end_time,
    coalesce(trace_ids, []) AS trace_ids, coalesce(sent, []) AS sent, coalesce(reported, []) AS reported,
    statuses, coalesce(done, []) AS done, coalesce(in_trouble, []) AS in_trouble, coalesce(without_report, []) AS without_report,
    coalesce(errors, 0) AS errors, coalesce(findings, 0) AS findings,
    list_concat(
      coalesce(troubles, []), list_transform(coalesce(without_report, []), lambda agent: agent || ' did not report'),
      coalesce(list_sort(broken_roots), [])
    ) AS what_broke
  FROM runs
  FULL JOIN sent_by_wave USING (wave)
  FULL JOIN reported_by_wave USING (wave)
  LEFT JOIN standing USING (wave)
  LEFT JOIN failures USING (wave)
  LEFT JOIN found USING (wave)
)
SELECT
  wave, start_time, end_time, trace_ids, sent, reported, statuses, done, in_trouble, without_report, errors, what_broke,
  len(what_broke) > 0
    AND row_number() OVER (PARTITION BY len(what_broke) > 0 ORDER BY start_time NULLS LAST, wave) = 1,
  findings
FROM told;
