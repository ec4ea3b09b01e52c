-- What may have caused an incident: defects upstream of it along the flow graph, ranked.
-- include: flow.edges
-- include: messages.texts
-- include: spans.errors
-- include: detectors.ranking
-- include: detectors.evidence
-- include: findings.harm_words
-- include: findings.lost_rules
-- include: recovery.flaws

-- Whether what a detector finds can be the cause of harm: what only costs money, or is a statistic, cannot.
CREATE MACRO _can_cause(detector) AS
detector NOT IN ('budget_breach', 'cache_miss_storm', 'oversized_prompt', 'duplicate_work', 'drift_step', 'drift_slope', 'silent_degradation', 'runaway');

-- The steps of the findings that can cause harm.
CREATE VIEW _steps_of_findings (
  -- Number of the finding.
  defect,
  -- The detector.
  detector,
  -- proven, event or candidate.
  tier,
  -- What happened, in one sentence.
  summary,
  -- Place of the step in the finding, from 1.
  place,
  -- Trace of the step.
  trace_id,
  -- Place of the step in tree order.
  preorder,
  -- When the step began (UTC).
  start_time,
  -- Whether the step was over when what was found began, or is the one that was written over: it only says what had been.
  is_witness
) AS
SELECT
  defect, detector, tier, summary, place, trace_id, preorder, spans.start_time, coalesce(spans.end_time < began, false) OR (detector = 'competing_writes' AND place = 1)
FROM (
  SELECT
    rowid AS defect, detector, tier, summary, trace_id,
    unnest(span_ids) AS span_id, generate_subscripts(span_ids, 1) AS place, start_time AS began
  FROM findings
  WHERE _can_cause(detector)
) AS found
JOIN spans USING (trace_id, span_id);

-- Whether the step above failed in the words of the step below it, or neither contradicts: one of them says nothing.
CREATE MACRO _same_words(below, above) AS
coalesce(below, '') = '' OR coalesce(above, '') = '' OR contains(above, left(_without_error_type(trim(below)), 200)) OR contains(below, left(_without_error_type(trim(above)), 200));

-- The distinct words and numbers of a text that tell what it is about: four letters and more, or with a digit.
CREATE MACRO _matter_words(said) AS
list_filter(_distinct_words(left(said, 4000)), lambda word: length(word) >= 4 AND word NOT IN ('task', 'text', 'with', 'this', 'that', 'from', 'content', 'path', 'query') OR regexp_matches(word, '\d'));

-- Ways on which harm travels within and between some traces (a list), from the step that did it to the step that suffered it: from_preorder and to_preorder
-- (places in tree order), way (how it came there, in words), confidence (certain, likely, possible; the structure alone only suggests).
CREATE MACRO _cause_links_in(of_trace_ids) AS TABLE
WITH steps AS MATERIALIZED (
  SELECT preorder, depth, subtree_end, operation_name, status_message, status_code = 'ERROR' AND NOT is_control_flow AS is_bad,
    -- What it was given has no part in that the other side was away, slow or busy.
    CASE WHEN status_code = 'ERROR' THEN error_class(error_type, status_message, operation_name) IN ('rate limit', 'time-out', 'unavailable') ELSE false END AS is_outage
  FROM spans
  WHERE trace_id IN (SELECT unnest(of_trace_ids))
)
SELECT
  from_preorder, to_preorder, CASE kind WHEN 'parent' THEN 'began it' WHEN 'read_after_write' THEN 'wrote what it read'
    WHEN 'carried' THEN CASE WHEN below.operation_name IS DISTINCT FROM 'execute_tool' THEN 'said what it was given' WHEN from_preorder < to_preorder THEN 'asked for it' ELSE 'is what it gave back' END WHEN 'quoted' THEN 'said what it repeats' WHEN 'handoff' THEN CASE WHEN above.operation_name = 'invoke_agent' THEN 'began it' ELSE 'handed over to it' END ELSE 'wrote to it' END AS way,
  -- A run's task is likely to have been before its own steps; of other steps the structure says only that one began the other.
  -- That a text stood in a window is certain; that it had a part in what the model then said is not, unless the model repeats it.
  CASE WHEN kind = 'carried' AND below.operation_name IS DISTINCT FROM 'execute_tool' THEN 'likely' WHEN kind <> 'parent' THEN confidence
    WHEN above.operation_name = 'invoke_agent' AND from_agent = to_agent THEN 'likely' ELSE 'possible' END AS confidence
FROM _flow_edges_in(of_trace_ids)
JOIN steps AS above ON above.preorder = from_preorder
JOIN steps AS below ON below.preorder = to_preorder
WHERE from_preorder <> to_preorder AND NOT (below.is_outage AND kind IN ('carried', 'quoted') AND from_preorder < to_preorder)
UNION ALL
-- A failure goes up, where the step above failed in its words; where it failed in others, it may have done so for another reason. What else happened inside
-- a step is part of it.
SELECT
  below.preorder, above.preorder, CASE WHEN below.is_bad AND above.is_bad THEN 'failed inside it' ELSE 'is part of it' END,
  CASE WHEN NOT (below.is_bad AND above.is_bad) THEN 'possible' WHEN _same_words(below.status_message, above.status_message) THEN 'certain' ELSE 'likely' END
FROM steps AS below
ASOF JOIN steps AS above ON above.depth = below.depth - 1 AND above.preorder < below.preorder
UNION ALL
-- So does one over steps that say nothing of how they ended, to the next one above that failed, where that has its words.
SELECT preorder, above.preorder, 'failed inside it', 'certain'
FROM (
  SELECT below.preorder, below.depth, below.status_message, max_by(above, above.preorder) AS above
  FROM (FROM steps WHERE is_bad AND length(status_message) >= 8) AS below
  JOIN (FROM steps WHERE is_bad) AS above ON above.preorder < below.preorder AND below.preorder < above.subtree_end
  GROUP BY ALL
)
WHERE above.depth < depth - 1 AND length(above.status_message) >= 8 AND _same_words(status_message, above.status_message)
UNION ALL
-- What a finding tells of that no other link shows: a failure that was swallowed, and what was lost and lacks in what came after.
SELECT first.preorder, later.preorder, CASE detector WHEN 'swallowed_error' THEN 'was swallowed by it' ELSE 'had lost what it lacks' END, 'certain'
FROM (FROM _steps_of_findings WHERE trace_id IN (SELECT unnest(of_trace_ids)) AND NOT is_witness AND tier = 'proven' AND detector IN ('swallowed_error', 'context_collapse')) AS later
JOIN (FROM _steps_of_findings WHERE NOT is_witness QUALIFY row_number() OVER (PARTITION BY defect ORDER BY place) = 1) AS first USING (defect, detector)
WHERE later.place > first.place;

-- Defects of some traces (a list), one row a defect and step: findings that can cause harm, and failures that nobody mended and no finding tells of. Columns:
-- defect (its number), detector (`error` for a failure), tier, summary, preorder (place of the step in tree order), place (of the step in the finding, from 1:
-- what went wrong first stands first), is_witness (it only says what had been before), evidence (of a failure; that of a finding is long, and stands there under its
-- rowid, the number of the defect).
CREATE MACRO _defects_in(of_trace_ids) AS TABLE
SELECT defect, detector, tier, summary, preorder, place, is_witness, NULL AS evidence
FROM _steps_of_findings
WHERE trace_id IN (SELECT unnest(of_trace_ids))
UNION ALL
SELECT
  -1 - preorder AS defect, 'error' AS detector, CASE WHEN status_code = 'ERROR' THEN 'proven' ELSE 'event' END AS tier, summary, preorder, 1 AS place, false AS is_witness,
  [_evidence(source_id, source_line, source_offset, source_length, span_id, 'failed: ' || reason)]
FROM (FROM unmended_failures WHERE trace_id IN (SELECT unnest(of_trace_ids)) AND preorder NOT IN (SELECT preorder FROM _steps_of_findings WHERE detector <> 'secret_exposure')) AS failed
JOIN (SELECT preorder, span_id, status_code, source_id, source_line, source_offset, source_length FROM spans) AS spans USING (preorder);

-- Hypotheses about what caused an incident, the best first: `FROM root_causes(of_trace_id := '...', of_span_id := '...')`, the span being the
-- failed run, the wrong deliverable or any step that looks wrong. `al.detect()` must have run. No rows: nothing in the log speaks for a cause.
-- Columns: rank; detector and tier of the defect; hypothesis (a sentence); trace_id, span_id, agent_name, start_time of the step where it began;
-- strength (`certain`, `likely`, `possible`: the weakest link of the chain); chain (steps from cause to harm: trace_id, span_id, agent_name,
-- label, way it led to the next); span_ids (the same, for highlighting); speaks_for and speaks_against (sentences); evidence.
-- A chain begins with the step that went wrong, not with the run around it. That a model had something in its window makes a part in what it then
-- did likely; only what it repeats, asked for, wrote or failed with is certain, and what it had read before it wrote a brief on another matter is no more
-- than possible. A defect upstream of another defect explains it and stands before it; then come the stronger chains, the better proven defects, the
-- earlier ones. All defects with a way to the incident are weighed, and all other traces are looked at that ended well. At most `most` are given, over
-- chains of at most `max_hops` steps.
CREATE MACRO root_causes(of_trace_id := NULL, of_span_id := NULL, most := 5, max_hops := 150) AS TABLE
WITH RECURSIVE
incident AS MATERIALIZED (
  SELECT preorder, trace_id, span_id, coalesce(end_time, start_time) AS moment
  FROM spans
  WHERE span_id = of_span_id AND (of_trace_id IS NULL OR trace_id = of_trace_id)
  ORDER BY preorder
  LIMIT 1
),
-- The traces from which something went to that of the incident, over any number of others.
crossings AS MATERIALIZED (
  SELECT DISTINCT spans.trace_id AS from_trace_id, to_trace_id
  FROM (
    SELECT from_preorder, trace_id AS to_trace_id FROM flow_texts WHERE side = 'heard' AND from_preorder IS NOT NULL
    UNION ALL
    SELECT from_preorder, trace_id FROM flow_quotes JOIN spans ON preorder = to_preorder WHERE from_preorder IS NOT NULL
    UNION ALL
    SELECT from_preorder, trace_id FROM flow_rereads JOIN spans ON preorder = to_preorder
  ) AS passed
  JOIN spans ON preorder = from_preorder
  WHERE spans.trace_id <> to_trace_id
),
around AS (
  SELECT trace_id FROM incident
  UNION
  SELECT from_trace_id FROM around JOIN crossings ON to_trace_id = trace_id
),
near AS MATERIALIZED (SELECT list(trace_id) AS trace_ids FROM around),
-- The steps of these traces: they are read once, and looked at often.
steps AS MATERIALIZED (FROM spans WHERE trace_id IN (SELECT trace_id FROM around)),
blamed AS MATERIALIZED (FROM _blamed_by_harm((SELECT preorder FROM incident))),
-- A secret that was shown has harmed nothing but where it went.
defects AS MATERIALIZED (
  FROM (
    FROM _defects_in((SELECT trace_ids FROM near))
    UNION ALL
    SELECT -1000000000000 - preorder AS defect, 'error', 'event', blamed.summary, preorder, 1, false, [_evidence(source_id, source_line, source_offset, source_length, span_id, tool_call_arguments)]
    FROM blamed
    JOIN steps USING (preorder)
  )
  QUALIFY detector <> 'secret_exposure' OR bool_or(preorder IN (SELECT preorder FROM incident)) OVER (PARTITION BY defect)
),
shown AS MATERIALIZED (FROM _cause_links_in((SELECT trace_ids FROM near))),
-- A link that is only suggested costs as much as a hundred that are shown.
links AS MATERIALIZED (
  SELECT *, CASE confidence WHEN 'certain' THEN 1 WHEN 'likely' THEN 2 ELSE 100 END AS cost FROM shown
  UNION ALL
  SELECT blamed.preorder, incident.preorder, blamed.way, blamed.confidence, CASE blamed.confidence WHEN 'likely' THEN 2 ELSE 100 END FROM blamed, incident
  UNION ALL
  -- A defect is part of every call it stands in, however deep.
  SELECT DISTINCT defect.preorder, call.preorder, 'is part of it', 'possible', 100
  FROM (FROM steps WHERE preorder IN (SELECT preorder FROM defects)) AS defect
  JOIN (FROM steps WHERE operation_name = 'execute_tool') AS call ON call.preorder < defect.preorder AND defect.preorder < call.subtree_end
  WHERE defect.depth > call.depth + 1
  UNION ALL
  -- A call that went wrong, in which something did, or that read what another had written, comes before what its agent does later in the same run; it only speaks where the log
  -- does not show in which window its answer stood, or who asked for the later call. Of lines that all stand for themselves, their order in the conversation is the run.
  SELECT failed.preorder, later.preorder, CASE WHEN failed.status_code = 'ERROR' OR failed.preorder NOT IN (SELECT to_preorder FROM flow_rereads) THEN 'went wrong earlier in the same run' ELSE 'was read earlier in the same run' END, 'possible', 100
  FROM (
    SELECT *, preorder IN (SELECT from_preorder FROM shown WHERE way = 'said what it was given') AS is_given
    FROM steps
    WHERE (operation_name = 'execute_tool' OR (depth = 0 AND subtree_end = preorder + 1))
      AND ((status_code = 'ERROR' AND NOT is_control_flow) OR preorder IN (SELECT preorder FROM defects WHERE detector = 'error') OR preorder IN (SELECT to_preorder FROM flow_rereads)
        OR preorder IN (SELECT call.preorder FROM steps AS call JOIN defects ON call.preorder < defects.preorder AND defects.preorder < call.subtree_end WHERE call.operation_name = 'execute_tool'))
  ) AS failed
  JOIN (
    SELECT *, preorder IN (SELECT to_preorder FROM shown WHERE way IN ('asked for it', 'said what it was given')) AS is_asked
    FROM steps
    WHERE (operation_name IN ('execute_tool', 'chat', 'generate_content', 'text_completion') OR (depth = 0 AND subtree_end = preorder + 1))
      AND (status_code <> 'ERROR' OR preorder IN (SELECT preorder FROM incident))
  ) AS later
    ON later.trace_id = failed.trace_id AND later.depth = failed.depth AND later.agent_name IS NOT DISTINCT FROM failed.agent_name
      AND (later.parent_span_id = failed.parent_span_id OR (failed.depth = 0 AND later.conversation_id IS NOT DISTINCT FROM failed.conversation_id))
      AND coalesce(later.start_time >= failed.end_time, true) AND later.preorder > failed.preorder
  WHERE NOT (failed.is_given AND later.is_asked)
),
-- What stood in the window of a model that wrote a brief, where the brief is of the same matter: it shares words with what a tool had been asked and answered.
briefs AS MATERIALIZED (
  SELECT answer.from_preorder, answer.to_preorder, told.tool_call_arguments AS brief
  FROM (FROM links WHERE way = 'said what it was given') AS answer
  JOIN (FROM links WHERE way = 'asked for it') AS ask ON ask.from_preorder = answer.to_preorder
  JOIN (FROM steps SEMI JOIN incident USING (trace_id)) AS told ON told.preorder = ask.to_preorder
  SEMI JOIN (FROM links WHERE way = 'handed over to it') AS given ON given.from_preorder = told.preorder
),
related AS MATERIALIZED (
  SELECT DISTINCT from_preorder, to_preorder
  FROM briefs
  JOIN steps ON steps.preorder = from_preorder
  WHERE len(list_intersect(_matter_words(brief), _matter_words(concat_ws(' ', tool_call_arguments, tool_call_result, status_message)))) >= 2
),
-- Whether what a brief was written from is of its matter; and whether a step was still under way when what it had said served: nothing had come of it then.
ways AS MATERIALIZED (
  SELECT
    links.*, way <> 'said what it was given' OR related.to_preorder IS NOT NULL AS is_related,
    coalesce(above.end_time > coalesce(below.end_time, below.start_time), false) AS is_under_way
  FROM links
  LEFT JOIN related USING (from_preorder, to_preorder)
  JOIN steps AS above ON above.preorder = from_preorder
  JOIN steps AS below ON below.preorder = to_preorder
),
-- The cheapest way from every step to the incident, with at most two links that are only suggested. `role`: `began` where the way goes on by `began it`, or by what the step
-- was given while it was still under way: what came of it later, or was part of it, has no part in that; `briefs` where it goes on by a handing over: what had merely stood
-- in the window of the model that wrote the brief, and is of another matter, is only suggested to have been passed on. A step that began after the incident
-- ended has no way.
reach (preorder, role, cost, weakest, hops, next) USING KEY (preorder, role) AS (
  SELECT preorder, '', 0::BIGINT, 1, 0, NULL::STRUCT(preorder BIGINT, role VARCHAR, way VARCHAR, confidence VARCHAR) FROM incident
  UNION
  -- Of ways that cost the same the surer, shorter and earlier one, so that the answer is the same every time.
  SELECT from_preorder, role, min(total), arg_min(weaker, place), arg_min(steps, place), arg_min(next, place)
  FROM (
    SELECT
      step.from_preorder, step.role, total, steps, greatest(step.weakest, CASE confidence WHEN 'certain' THEN 1 WHEN 'likely' THEN 2 ELSE 3 END) AS weaker,
      struct_pack(preorder := step.to_preorder, role := step.to_role, way := way, confidence := confidence) AS next, (total, weaker, steps, step.to_preorder, step.to_role, way) AS place
    FROM (
      SELECT
        links.from_preorder, links.way, reach.preorder AS to_preorder, reach.role AS to_role, reach.weakest, reach.hops + 1 AS steps,
        CASE WHEN links.way = 'began it' OR (links.way = 'said what it was given' AND links.is_under_way) THEN 'began' WHEN links.way = 'handed over to it' OR (links.way = 'asked for it' AND reach.role = 'briefs') THEN 'briefs' ELSE '' END AS role,
        CASE WHEN reach.role = 'briefs' AND NOT links.is_related THEN 'possible' ELSE links.confidence END AS confidence,
        -- What is part of a part is part of the whole: below the second step down, further ones are no further guesses.
        reach.cost + CASE WHEN links.way = 'is part of it' AND reach.next.way = links.way AND reach.cost >= 200 AND reach.cost < 200 + reach.hops THEN 1
          WHEN reach.role = 'briefs' AND NOT links.is_related THEN 100 ELSE links.cost END AS total
      FROM reach
      JOIN ways AS links ON links.to_preorder = reach.preorder
        AND NOT (reach.role <> '' AND links.way IN ('is part of it', 'failed inside it', 'is what it gave back', 'was swallowed by it'))
      WHERE reach.hops < max_hops
    ) AS step
    JOIN steps ON steps.preorder = from_preorder
    CROSS JOIN incident
    LEFT JOIN recurring.reach AS known ON known.preorder = from_preorder AND known.role = step.role
    WHERE total < 300 AND coalesce(steps.start_time <= incident.moment, true) AND (known.cost IS NULL OR total < known.cost)
  )
  GROUP BY from_preorder, role
),
-- A failure is known when it ends, anything else when it begins.
timed AS MATERIALIZED (
  SELECT
    defects.*, role, weakest, cost, subtree_end, min((CASE detector WHEN 'error' THEN coalesce(end_time, start_time) ELSE start_time END, preorder)) OVER (PARTITION BY defect) AS first_moment
  FROM defects
  JOIN steps USING (preorder)
  LEFT JOIN reach USING (preorder)
  QUALIFY bool_or(reach.preorder IS NOT NULL) OVER (PARTITION BY defect)
),
-- Of each defect the step with which it began, as far as it has a way to the incident: a step around another one only says where that happened, one before it what had been.
reached AS MATERIALIZED (
  SELECT
    defect, any_value(detector) AS detector, any_value(tier) AS tier, any_value(summary) AS summary, any_value(evidence) AS evidence,
    arg_min(struct_pack(preorder := preorder, role := role), (is_witness, holds_another, weakest = 3, place, cost)) AS start,
    list(DISTINCT preorder) AS places, any_value(first_moment) AS first_moment
  FROM (
    SELECT
      *, coalesce(min(preorder) OVER (PARTITION BY defect ORDER BY preorder RANGE BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) < subtree_end, false) AS holds_another
    FROM timed
    WHERE role IS NOT NULL
  )
  GROUP BY defect
),
walk AS (
  SELECT start, start.preorder AS here, start.role AS here_role, 0 AS place FROM (SELECT DISTINCT start FROM reached)
  UNION ALL
  SELECT walk.start, reach.next.preorder, reach.next.role, place + 1
  FROM walk
  JOIN reach ON reach.preorder = walk.here AND reach.role = walk.here_role
  WHERE reach.next IS NOT NULL AND place < max_hops
),
chains AS MATERIALIZED (
  SELECT
    walk.start, list(here ORDER BY place) AS path,
    max(reach.weakest) AS weakest,
    count(*) FILTER (reach.next.confidence = 'certain') AS certain_links, count(*) FILTER (reach.next.confidence = 'possible') AS guessed_links, count(reach.next.way) AS link_count,
    list(struct_pack(trace_id := steps.trace_id, span_id := steps.span_id, agent_name := steps.agent_name,
      label := _span_label(operation_name, name, tool_name, response_model, request_model, agent_name), way := reach.next.way) ORDER BY place) AS chain
  FROM walk
  JOIN steps ON steps.preorder = walk.here
  JOIN reach ON reach.preorder = walk.here AND reach.role = walk.here_role
  GROUP BY walk.start
),
-- What the incident did or said is about; nothing where the log does not say.
matter AS MATERIALIZED (
  SELECT _matter_stems(concat_ws(' ', any_value(_tool_words(tool_name)), any_value(array_to_string(_given_words(tool_call_arguments), ' ')), any_value(tool_call_result), string_agg(_message_text(parts), ' '))) AS stems
  FROM (FROM steps SEMI JOIN incident USING (preorder)) AS step
  LEFT JOIN (
    SELECT DISTINCT preorder, message_hash, parts
    FROM messages
    JOIN (FROM flow_texts SEMI JOIN incident USING (preorder)) AS texts USING (message_hash)
    WHERE side = 'said' AND texts.type <> 'result'
  ) AS spoken USING (preorder)
),
-- What stands against a defect as the cause, whatever its chain. `look`: it only looked for what was not there, or tried something out in a line of code; or it was answered with a part only, or a
-- secret stood there; `other`: such a look was for something of which the harm does not speak: that it stood in a window shows no part in it. `self`: it is the harm itself, which failed by what it was given
-- or found: what made that so stands before it, if the log has it; `amended`: it failed with one amount and went well with another, in the same run.
doubts AS MATERIALIZED (
  SELECT
    defect, CASE
      WHEN status_code = 'ERROR' AND preorder IN (SELECT preorder FROM incident) AND error_class(error_type, said, operation_name) NOT IN ('rate limit', 'time-out', 'unavailable', 'authentication', 'permission', 'context overflow', 'guardrail or refusal') THEN 'self'
      WHEN is_look AND len(stems) > 0 AND len(sought) > 0 AND NOT list_has_any(stems, sought) THEN 'other'
      WHEN detector = 'error' AND status_code = 'ERROR' AND EXISTS (FROM steps AS later WHERE later.parent_span_id = reached_step.parent_span_id AND later.tool_name = reached_step.tool_name AND later.preorder > reached_step.preorder
        AND later.status_code <> 'ERROR' AND regexp_replace(later.tool_call_arguments, '\d+', '0', 'g') = regexp_replace(given, '\d+', '0', 'g')) THEN 'amended'
      WHEN defect IN (SELECT -1000000000000 - preorder FROM blamed WHERE confidence = 'possible') OR (detector = 'error' AND regexp_matches(given, '\b(python3?|node|ruby|perl|php)\s+-(c|e|r)\s')) OR (detector = 'secret_exposure' AND tier = 'event') THEN 'trial'
      WHEN is_look THEN 'look' END AS doubt
  FROM (
    SELECT
      reached.defect, detector, tier, steps.preorder, steps.parent_span_id, tool_name, status_code, error_type, operation_name, coalesce(nullif(status_message, ''), left(tool_call_result, 1000), '') AS said, tool_call_arguments AS given,
      _matter_stems(array_to_string(_given_words(tool_call_arguments), ' ')) AS sought,
      coalesce(detector = 'error' AND operation_name = 'execute_tool' AND CASE
        WHEN status_code <> 'ERROR' THEN _part_mark(tool_call_result) IS NOT NULL
        WHEN NOT regexp_matches(coalesce(nullif(status_message, ''), left(tool_call_result, 1000)), '(?i)not.?found|no such|(does ?n.t|do(es)? not) exist|enoent|\b404\b|cannot find') THEN false
        WHEN regexp_matches(tool_call_arguments, '"(cmd|command)"\s*:') THEN regexp_matches(tool_call_arguments, '"(cmd|command)"\s*:\s*\W*(cd [^"&;]+(&&|;)\s*)?(ls|z?cat|z?grep|rg|find|head|tail|sed -n|wc|stat|test|less|file|du|which)\b')
        ELSE _resource_access(tool_name) IS DISTINCT FROM 'write' END, false) AS is_look
    FROM reached
    JOIN steps ON steps.preorder = start.preorder
  ) AS reached_step
  CROSS JOIN matter
),
joined AS MATERIALIZED (
  SELECT
    reached.*, start.preorder AS cause, path, chain, doubt, certain_links, guessed_links, link_count,
    -- What nothing marks as gone wrong is no more than likely to have done so.
    CASE WHEN doubt IN ('other', 'trial', 'self', 'amended') THEN 3 WHEN detector = 'error' AND tier = 'event' THEN greatest(coalesce(weakest, 1), 2) ELSE coalesce(weakest, 1) END AS weakest
  FROM reached
  JOIN chains USING (start)
  JOIN doubts USING (defect)
),
-- Failed calls that were given what had been polluted: the words of it stand in their arguments.
choked AS (
  SELECT DISTINCT polluted.defect AS earlier_defect, failed.defect AS later_defect
  FROM (SELECT defect, first_moment, unnest(places) AS preorder FROM joined WHERE detector = 'context_pollution') AS polluted
  JOIN (SELECT preorder, tool_call_result AS said FROM steps WHERE length(tool_call_result) >= 16) AS reader USING (preorder)
  JOIN (SELECT defect, first_moment, cause FROM joined WHERE detector = 'error') AS failed ON polluted.first_moment < failed.first_moment
  JOIN (SELECT preorder, tool_call_arguments AS given FROM steps) AS taker ON taker.preorder = failed.cause AND contains(given, left(said, 200))
),
-- A defect explains a later one whose steps lie on its way to the harm, or are its own.
explains AS (
  SELECT earlier_defect AS defect, count(*) AS explained, list(later.detector ORDER BY later.first_moment, later.detector) AS explained_detectors, list(later_defect) AS explained_defects
  FROM (
    SELECT earlier.defect AS earlier_defect, later.defect AS later_defect
    FROM (SELECT defect, first_moment, unnest(list_concat(path, places)) AS preorder FROM joined WHERE detector <> 'secret_exposure') AS earlier
    JOIN (SELECT defect, first_moment, unnest(places) AS preorder FROM joined) AS later USING (preorder)
    WHERE earlier.first_moment < later.first_moment
    UNION
    FROM choked
  )
  JOIN joined AS later ON later.defect = later_defect
  GROUP BY earlier_defect
),
explained AS (SELECT DISTINCT unnest(explained_defects) AS defect FROM explains),
-- In how many other traces that ended well, in all their roots, the same kind of defect is; for a failure, the same failure that nobody mended.
well AS MATERIALIZED (
  SELECT trace_id FROM spans WHERE depth = 0 AND trace_id NOT IN (SELECT trace_id FROM incident) GROUP BY trace_id HAVING bool_and(status_code = 'OK')
),
harmless AS (
  SELECT sort, count(DISTINCT trace_id) AS traces
  FROM (
    SELECT detector AS sort, trace_id FROM findings WHERE detector IN (SELECT detector FROM joined)
    UNION ALL
    SELECT summary, trace_id FROM unmended_failures WHERE summary IN (SELECT summary FROM joined) AND preorder NOT IN (SELECT preorder FROM _steps_of_findings)
  ) AS elsewhere
  SEMI JOIN well USING (trace_id)
  GROUP BY sort
),
ranked AS (
  SELECT
    joined.*, coalesce(explained, 0) AS explained, explained_detectors, joined.defect IN (FROM explained) AS is_explained,
    coalesce(harmless.traces, 0) AS harmless_traces,
    row_number() OVER (ORDER BY coalesce(doubt = 'self', false), joined.defect IN (FROM explained), weakest, doubt IS NOT NULL, coalesce(explained, 0) DESC, tier_rank(tier), len(path), cause) AS rank
  FROM joined
  LEFT JOIN explains USING (defect)
  LEFT JOIN harmless ON sort = CASE detector WHEN 'error' THEN summary ELSE detector END
)
SELECT
  rank, ranked.detector, ranked.tier, ranked.summary AS hypothesis, steps.trace_id, steps.span_id, steps.agent_name, steps.start_time,
  CASE weakest WHEN 1 THEN 'certain' WHEN 2 THEN 'likely' ELSE 'possible' END AS strength,
  chain, list_transform(chain, lambda step: step.span_id) AS span_ids,
  list_filter([
    CASE ranked.tier WHEN 'proven' THEN 'The log itself shows the defect.' WHEN 'event' THEN 'The log shows that it happened.' END,
    CASE WHEN link_count = 0 THEN 'It is the step itself.' WHEN certain_links = link_count AND link_count = 1 THEN 'The link to the harm is shown by the log.'
      WHEN certain_links = link_count THEN format('All {} links to the harm are shown by the log.', link_count)
      WHEN certain_links > 0 THEN format('{} of {} links to the harm are shown by the log.', certain_links, link_count) END,
    CASE WHEN explained > 0 THEN format('It explains {} other defect{} on the way: {}.', explained, CASE WHEN explained = 1 THEN '' ELSE 's' END,
      array_to_string(list_distinct(explained_detectors), ', ')) END,
    CASE WHEN ranked.detector = 'error' THEN 'Nobody mended it.' WHEN ranked.detector = 'swallowed_error' AND ranked.tier <> 'proven' THEN 'The log shows the failure itself.' END
  ], lambda sentence: sentence IS NOT NULL) AS speaks_for,
  list_filter([
    CASE WHEN ranked.tier = 'candidate' THEN 'The defect is only a pattern that often is a failure.' END,
    CASE WHEN NOT (doubt = 'self' AND is_explained) THEN CASE doubt WHEN 'other' THEN 'The harm is of another matter than what was looked for there.' WHEN 'trial' THEN 'It may have been meant so: it shows no more than that it happened.'
      WHEN 'amended' THEN 'It went well afterwards, with another amount.' WHEN 'self' THEN 'It is the harm itself; the log does not show what made it fail.' END END,
    CASE WHEN guessed_links > 0 THEN CASE WHEN link_count = 1 THEN 'The link to the harm' ELSE format('{} of {} links', guessed_links, link_count) END
      || CASE WHEN guessed_links = 1 THEN ' is' ELSE ' are' END || ' only suggested: nothing shows that anything was passed on.' END,
    CASE WHEN is_explained THEN 'Another defect stands upstream of it and may be its cause.' END,
    CASE WHEN harmless_traces > 0 THEN format('The same kind of defect is in {} trace{} that ended well.', harmless_traces, CASE WHEN harmless_traces = 1 THEN '' ELSE 's' END) END
  ], lambda sentence: sentence IS NOT NULL) AS speaks_against,
  coalesce(told.evidence, ranked.evidence) AS evidence
FROM ranked
JOIN steps ON steps.preorder = cause
LEFT JOIN findings AS told ON told.rowid = ranked.defect
WHERE rank <= most
ORDER BY rank;
