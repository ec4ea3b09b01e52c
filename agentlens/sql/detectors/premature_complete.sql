-- Done, it said.
-- include: agents.statuses
-- include: agents.waves
-- include: detectors.evidence

-- Why premature completion cannot be looked for; no reason when all is there.
CREATE VIEW _needs_premature_complete (
  -- False where nothing can be found for lack of evidence.
  can_look,
  -- Why, in one sentence.
  reason
) AS
SELECT
  count(*) FILTER (kind <> 'heartbeat' AND status IS NOT NULL) > 0,
  CASE WHEN count(*) FILTER (kind <> 'heartbeat' AND status IS NOT NULL) = 0 THEN 'the logs hold no reports that claim a status' END
FROM status_reports;

-- A report claims that the work is done, and the log contradicts it: the report itself names blockers, or the agent's run of that wave
-- failed or never ended.
--
-- Means: the report was written before, or regardless of, the result. Matters: whoever counts reports takes it as done.
-- One finding a report. Tier proven, severity critical.
-- Leaves alone: reports without blockers whose run ended well; runs that are known to no wave; an agent that ran again with success in that wave.
-- Misses: deliverables that are absent or wrong; checks that failed inside a run that ended well (see swallowed_error).
-- scope: fleet
-- version: 1
CREATE MACRO detect_premature_complete() AS TABLE
WITH claims AS (
  SELECT *, row_number() OVER () AS number
  FROM status_reports
  WHERE kind <> 'heartbeat' AND is_done(status) AND agent_name IS NOT NULL
),
runs AS (
  SELECT
    wave, agent_name, bool_and(status_code = 'ERROR' AND NOT is_control_flow OR end_time IS NULL) AS has_failed,
    arg_max({'span_id': span_id, 'trace_id': trace_id, 'status_code': status_code, 'status_message': status_message, 'end_time': end_time,
      'source_id': source_id, 'source_line': source_line, 'source_offset': source_offset, 'source_length': source_length}, preorder) AS run
  FROM spans
  JOIN _wave_of_trace USING (trace_id)
  WHERE operation_name = 'invoke_agent'
  GROUP BY wave, agent_name
),
judged AS (
  SELECT
    claims.*, run, coalesce(has_failed, false) AS has_failed,
    list_filter(coalesce(blockers, []), lambda blocker: NOT regexp_matches(trim(blocker), '^(none|no|nil|n/?a|-|nothing|—)?\.?$', 'i')) AS open_blockers
  FROM claims
  LEFT JOIN runs USING (wave, agent_name)
)
SELECT
  'proven' AS tier, 'critical' AS severity, CASE WHEN has_failed THEN run.trace_id END AS trace_id, agent_name,
  CASE WHEN has_failed THEN [run.span_id] ELSE [] END AS span_ids, time AS start_time, time AS end_time,
  format('{} reported {}, but {}.', agent_name, status, CASE
    WHEN len(open_blockers) > 0 THEN 'names a blocker: ' || _short(array_to_string(open_blockers, '; '), 120)
    WHEN run.end_time IS NULL THEN 'its run never ended'
    ELSE 'its run failed' || coalesce(': ' || _short(run.status_message, 120), '') END) AS summary,
  list_filter([
    _evidence(source_id, source_line, source_offset, source_length, NULL, 'reported ' || status || coalesce(': ' || array_to_string(deliverables, '; '), '')),
    CASE WHEN has_failed THEN _evidence(run.source_id, run.source_line, run.source_offset, run.source_length, run.span_id,
      'the run: ' || run.status_code || coalesce(', ' || run.status_message, '')) END
  ], lambda piece: piece IS NOT NULL) AS evidence,
  NULL::BIGINT AS tokens_wasted, NULL::DOUBLE AS cost_usd_wasted
FROM judged
WHERE len(open_blockers) > 0 OR has_failed;
