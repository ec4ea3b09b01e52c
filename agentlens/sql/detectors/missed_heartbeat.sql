-- An agent whose heartbeat failed to come, and came back.
-- include: agents.beats
-- include: detectors.evidence

-- Why missed heartbeats cannot be looked for; no reason when all is there.
CREATE VIEW _needs_missed_heartbeat (
  -- False where nothing can be found for lack of evidence.
  can_look,
  -- Why, in one sentence.
  reason
) AS
SELECT
  known > 0,
  CASE
    WHEN agents = 0 THEN 'the logs hold no heartbeats with times'
    WHEN known = 0 THEN 'there are too few heartbeats to know a rhythm: no agent has four in one wave or day'
    ELSE _unjudged('agents with heartbeats', agents, agents - known, 'too few of them to know a rhythm (four in one wave or day are needed)')
  END
FROM (SELECT count(DISTINCT agent_name) AS agents FROM _beats WHERE kind = 'heartbeat'), (SELECT count(*) AS known FROM _rhythm WHERE pauses >= 3);

-- Between two heartbeats of an agent, `missed` or more expected ones are absent, while others kept beating.
--
-- Means: it hung, was restarted or was too busy to answer. Matters: for that time nobody knew what it did. The rhythm is the median pause
-- between its beats within a wave (else: a day). Tier proven. Severity: warning, info when its last word before was done.
-- Example: on the board at 13:02 and 13:17, missing at 13:07 and 13:12.
-- Leaves alone: pauses in which nobody else beat (the whole board stood still), gaps between waves, agents who never came back (see
-- silent_agent).
-- Misses: agents with fewer than four beats in all.
-- Do: compare with what the agent did at that time: a long call, a restart, an overloaded machine.
-- scope: fleet
-- version: 2
CREATE MACRO detect_missed_heartbeat(missed := 2) AS TABLE
WITH pauses AS (
  SELECT
    *, lag(time) OVER own AS time_before, lag(status) OVER own AS status_before,
    lag({'source_id': source_id, 'source_line': source_line, 'source_offset': source_offset, 'source_length': source_length}) OVER own AS place_before
  FROM _beats
  WHERE kind = 'heartbeat'
  WINDOW own AS (PARTITION BY episode, agent_name ORDER BY time, source_offset)
),
gaps AS (
  SELECT pauses.*, rhythm_ns, round((epoch_ns(time) - epoch_ns(time_before)) / rhythm_ns)::BIGINT - 1 AS absent
  FROM pauses
  JOIN _rhythm USING (agent_name)
  WHERE time_before IS NOT NULL AND _rhythm.pauses >= 3
),
-- Beats of others in between: without them the board stood still.
attended AS (
  SELECT gaps.episode, gaps.agent_name, gaps.time, count(DISTINCT beat.time) AS beats_between
  FROM gaps
  JOIN _beats AS beat ON beat.episode = gaps.episode AND beat.agent_name <> gaps.agent_name AND beat.kind = 'heartbeat'
    AND beat.time > gaps.time_before AND beat.time < gaps.time
  WHERE absent >= missed
  GROUP BY ALL
)
SELECT
  'proven' AS tier, CASE WHEN is_done(status_before) THEN 'info' ELSE 'warning' END AS severity, NULL::VARCHAR AS trace_id, agent_name,
  []::VARCHAR[] AS span_ids, time_before AS start_time, time AS end_time,
  format('{} missed {} heartbeats in {}: none between {} and {}, every {} minutes is usual.', agent_name, absent, episode, _clock(time_before),
    _clock(time), round(rhythm_ns / 6e10, 1)) AS summary,
  [
    _evidence(place_before.source_id, place_before.source_line, place_before.source_offset, place_before.source_length, NULL,
      'last before the gap, ' || _clock(time_before) || ': ' || coalesce(status_before, '')),
    _evidence(source_id, source_line, source_offset, source_length, NULL, 'first after it, ' || _clock(time) || ': ' || coalesce(status, ''))
  ] AS evidence,
  NULL::BIGINT AS tokens_wasted, NULL::DOUBLE AS cost_usd_wasted
FROM gaps
JOIN attended USING (episode, agent_name, time)
WHERE beats_between >= missed;
