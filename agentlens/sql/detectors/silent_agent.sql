-- An agent that stopped saying anything while the others went on.
-- include: lens.sentences
-- include: agents.beats
-- include: agents.waves
-- include: detectors.evidence

-- The pause of each agent that makes no heartbeats between its reports of one episode, in nanoseconds, where it is an even one: four reports at least,
-- and none more than twice the median pause after the one before.
CREATE VIEW _report_rhythm (
  -- `wave 14`, or source and day.
  episode,
  -- The agent.
  agent_name,
  -- Median pause.
  rhythm_ns,
  -- Longest pause.
  longest_ns
) AS
SELECT episode, agent_name, median(pause_ns)::BIGINT, max(pause_ns)
FROM (
  SELECT episode, agent_name, epoch_ns(time) - epoch_ns(lag(time) OVER (PARTITION BY episode, agent_name ORDER BY time)) AS pause_ns
  FROM _beats
  WHERE kind <> 'heartbeat' AND agent_name NOT IN (SELECT agent_name FROM _beats WHERE kind = 'heartbeat')
)
WHERE pause_ns > 0
GROUP BY episode, agent_name
HAVING count(*) >= 3 AND max(pause_ns) <= 2 * median(pause_ns);

-- Why silent agents cannot be looked for; no reason when all is there.
CREATE VIEW _needs_silent_agent (
  -- False where nothing can be found for lack of evidence.
  can_look,
  -- Why, in one sentence.
  reason
) AS
SELECT
  beats > 0 OR reporting > 1 OR (runs > 0 AND agents > 1),
  CASE
    WHEN beats = 0 AND reporting > 1 THEN 'the logs hold no heartbeats: only even reports and runs that never ended were looked at'
    WHEN beats = 0 AND runs = 0 THEN 'the logs hold neither heartbeats nor agent runs with times, nor even reports of two agents'
    WHEN beats = 0 AND agents < 2 THEN 'only one agent is known: there is nobody who went on'
    ELSE nullif(concat_ws('; ',
      CASE WHEN beating = 0 THEN 'the logs hold no heartbeats: only runs that never ended were looked at' END,
      _unjudged('agents with heartbeats', beating, beating - beats, 'too few of them to know a rhythm'),
      _untimed('agent runs', all_runs, runs)), '')
  END
FROM (SELECT count(DISTINCT agent_name) AS beating FROM _beats WHERE kind = 'heartbeat'), (SELECT count(DISTINCT agent_name) AS reporting FROM _report_rhythm), (
  SELECT
    (SELECT count(*) FROM _rhythm) AS beats, count(*) FILTER (operation_name = 'invoke_agent') AS all_runs,
    count(*) FILTER (operation_name = 'invoke_agent' AND start_time IS NOT NULL) AS runs, count(DISTINCT agent_name) AS agents
  FROM spans
);

-- An agent is not heard of any more for more than `quiet` times its own rhythm while at least one other goes on, and it had
-- neither reported the end of its work nor trouble.
--
-- Means: it crashed, hangs or was cut off, and nobody was told. Matters: its part is missing, and a status that only counts reports
-- looks complete. Signs of life are heartbeats, reports and spans. With heartbeats (tier proven), the rhythm is the median pause
-- between its beats, and it must stay away until the end of the wave (else: of the day). Without (tier event), even reports (four at least) that cease while
-- another such agent makes two more, for `quiet` times its longest pause; or a run that never
-- ended, with the median pause between its spans as rhythm, at least `min_quiet_seconds`. Severity: critical.
-- Example: on the board until 16:38, the others until 17:10, and no report.
-- Leaves alone: agents whose last word is done, idle or trouble (see blocked), who handed in a report beside their beats, whose run ended; agents who
-- come back (see missed_heartbeat); thinking and waiting inside the own rhythm.
-- Misses: agents that never began; agents known from flat records alone, which have no end; the last wave of a log that was cut off.
-- Do: find its last span or line; its work after that is missing from everything built on it.
-- scope: fleet
-- version: 3
CREATE MACRO detect_silent_agent(quiet := 2, min_quiet_seconds := 60) AS TABLE
WITH last_beats AS (
  SELECT
    episode, agent_name, any_value(wave) AS wave, min(time) AS first_beat, max(time) AS last_beat, bool_or(kind <> 'heartbeat') AS has_reported,
    arg_max({'status': status, 'detail': detail, 'source_id': source_id, 'source_line': source_line, 'source_offset': source_offset,
      'source_length': source_length}, (time, source_offset)) AS word
  FROM _beats
  GROUP BY episode, agent_name
),
-- What the spans of a wave's traces say about the agent: its last moment, and whether a run of it ended.
activity AS (
  SELECT
    'wave ' || wave AS episode, agent_name, max(coalesce(end_time, start_time)) AS last_span,
    bool_or(operation_name = 'invoke_agent' AND end_time IS NOT NULL) AS has_ended, any_value(trace_id) AS trace_id,
    arg_max({'span_id': span_id, 'name': name, 'source_id': source_id, 'source_line': source_line, 'source_offset': source_offset,
      'source_length': source_length}, coalesce(end_time, start_time)) AS span
  FROM spans
  JOIN _wave_of_trace USING (trace_id)
  WHERE agent_name IN (SELECT agent_name FROM last_beats) AND start_time IS NOT NULL
  GROUP BY ALL
),
signs AS (
  SELECT
    last_beats.*, last_span, coalesce(has_ended, false) AS has_ended, trace_id, span, _rhythm.rhythm_ns IS NOT NULL AS is_beating,
    greatest(last_beat, coalesce(last_span, last_beat)) AS last_sign, coalesce(_rhythm.rhythm_ns, reports.rhythm_ns) AS rhythm_ns,
    coalesce(_rhythm.rhythm_ns, longest_ns) AS patience_ns
  FROM last_beats
  LEFT JOIN _rhythm USING (agent_name)
  LEFT JOIN _report_rhythm AS reports USING (episode, agent_name)
  LEFT JOIN activity USING (episode, agent_name)
  WHERE coalesce(_rhythm.rhythm_ns, reports.rhythm_ns) IS NOT NULL
),
-- The last beat of anybody else in the episode; where there are only reports, the last of one that makes them as evenly, and had made one since.
others AS (
  SELECT
    signs.episode, signs.agent_name,
    arg_max({'agent_name': beat.agent_name, 'time': beat.time, 'status': beat.status, 'source_id': beat.source_id,
      'source_line': beat.source_line, 'source_offset': beat.source_offset, 'source_length': beat.source_length}, (beat.time, beat.source_offset)) AS other
  FROM signs
  JOIN (
    SELECT _beats.*, lag(time) OVER (PARTITION BY episode, _beats.agent_name ORDER BY time, source_offset) AS time_before, rhythm_ns IS NOT NULL AS is_even
    FROM _beats
    LEFT JOIN _report_rhythm USING (episode, agent_name)
  ) AS beat ON beat.episode = signs.episode AND beat.agent_name <> signs.agent_name
    AND CASE WHEN is_beating THEN beat.kind = 'heartbeat' ELSE is_even AND time_before > last_sign END
  GROUP BY ALL
),
off_the_board AS (
  SELECT
    signs.*, other, epoch_ns(other.time) - epoch_ns(last_sign) AS quiet_ns
  FROM signs
  JOIN others USING (episode, agent_name)
  WHERE NOT (has_reported AND is_beating) AND NOT has_ended AND NOT is_done(word.status) AND NOT is_trouble(word.status)
    AND NOT is_resting(word.status)
    -- Who makes reports may go on working, or writing, without one.
    AND (is_beating OR NOT EXISTS (FROM spans WHERE spans.agent_name = signs.agent_name AND spans.start_time > last_sign))
    AND (is_beating OR NOT EXISTS (FROM agent_messages WHERE sender = signs.agent_name AND time > last_sign))
),
-- Runs that began and never ended.
open_runs AS (
  FROM spans
  WHERE operation_name = 'invoke_agent' AND start_time IS NOT NULL AND end_time IS NULL
    AND agent_name NOT IN (SELECT agent_name FROM last_beats)
),
run_steps AS (
  SELECT
    run.preorder AS run_preorder, step.preorder, coalesce(step.end_time, step.start_time) AS moment,
    epoch_ns(step.start_time) - epoch_ns(lag(step.start_time) OVER (PARTITION BY run.preorder ORDER BY step.start_time, step.preorder)) AS pause_ns
  FROM open_runs AS run
  JOIN spans AS step ON step.trace_id = run.trace_id AND step.preorder >= run.preorder AND step.preorder < run.subtree_end
  WHERE step.start_time IS NOT NULL
),
broken_off AS (
  SELECT run_preorder, max(moment) AS last_sign, arg_max(preorder, (moment, preorder)) AS last_preorder, median(pause_ns) AS rhythm_ns, count(pause_ns) AS pauses
  FROM run_steps
  GROUP BY run_preorder
),
went_on AS (
  SELECT
    run.preorder AS run_preorder, arg_max({'agent_name': step.agent_name, 'time': coalesce(step.end_time, step.start_time), 'span_id': step.span_id,
      'source_id': step.source_id, 'source_line': step.source_line, 'source_offset': step.source_offset, 'source_length': step.source_length},
      coalesce(step.start_time, step.end_time)) AS other
  FROM open_runs AS run
  JOIN spans AS step ON step.trace_id = run.trace_id AND step.agent_name <> run.agent_name AND step.start_time IS NOT NULL
    AND step.operation_name IN ('execute_tool', 'chat', 'generate_content', 'text_completion')
    AND NOT (step.preorder >= run.preorder AND step.preorder < run.subtree_end)
  GROUP BY run.preorder
)
SELECT
  CASE WHEN is_beating THEN 'proven' ELSE 'event' END AS tier, 'critical' AS severity, trace_id, agent_name,
  CASE WHEN span IS NULL THEN [] ELSE [span.span_id] END AS span_ids, last_sign AS start_time, other.time AS end_time,
  format('{} was last heard of at {} ({}) and not again in {}, for {} while others went on; its usual pause is {} minutes.', agent_name, _clock(last_sign),
    coalesce(word.status, 'no status'), episode, _plural(round(quiet_ns / 6e10), 'minute'), round(rhythm_ns / 6e10, 1)) AS summary,
  list_filter([
    _evidence(word.source_id, word.source_line, word.source_offset, word.source_length, NULL,
      CASE WHEN is_beating THEN 'last beat: ' ELSE 'last report: ' END || coalesce(word.status, '') || coalesce(' (' || word.detail || ')', '')),
    CASE WHEN span IS NOT NULL THEN _evidence(span.source_id, span.source_line, span.source_offset, span.source_length, span.span_id, 'last span: ' || coalesce(span.name, '')) END,
    _evidence(other.source_id, other.source_line, other.source_offset, other.source_length, NULL,
      'still going at ' || _clock(other.time) || ': ' || other.agent_name || ' ' || coalesce(other.status, ''))
  ], lambda piece: piece IS NOT NULL) AS evidence,
  NULL::BIGINT AS tokens_wasted, NULL::DOUBLE AS cost_usd_wasted
FROM off_the_board
WHERE quiet_ns > quiet * patience_ns
UNION ALL
SELECT
  'event', 'critical', run.trace_id, run.agent_name, [run.span_id, last_step.span_id], last_sign, other.time,
  format('The run of {} never ended: its last step was at {}, {} before the last step of {}.', run.agent_name, _clock(last_sign),
    _how_long(epoch_ns(other.time) - epoch_ns(last_sign)), other.agent_name),
  [
    _evidence(run.source_id, run.source_line, run.source_offset, run.source_length, run.span_id, 'a run without an end'),
    _evidence(last_step.source_id, last_step.source_line, last_step.source_offset, last_step.source_length, last_step.span_id, 'its last step: ' || coalesce(last_step.name, '')),
    _evidence(other.source_id, other.source_line, other.source_offset, other.source_length, other.span_id, 'still going: ' || other.agent_name)
  ],
  NULL, NULL
FROM broken_off
JOIN went_on USING (run_preorder)
JOIN open_runs AS run ON run.preorder = run_preorder
JOIN spans AS last_step ON last_step.preorder = last_preorder
WHERE epoch_ns(other.time) - epoch_ns(last_sign) > greatest(quiet * rhythm_ns, min_quiet_seconds::BIGINT * 1000000000) AND pauses >= 2;
