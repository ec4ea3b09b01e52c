-- What may have caused an incident: defects upstream of it along the flow graph, ranked.
-- include: flow.edges
-- include: recovery.recoveries
-- include: detectors.ranking
-- include: detectors.evidence

-- Ways on which harm travels, from the step that did it to the step that suffered it.
CREATE VIEW _cause_links (
  -- Place of the earlier step in tree order.
  from_preorder,
  -- Place of the later step.
  to_preorder,
  -- How it came there, in words.
  way,
  -- certain, likely or possible; the structure alone only suggests.
  confidence
) AS
SELECT
  from_preorder, to_preorder, CASE kind WHEN 'parent' THEN 'began it' WHEN 'read_after_write' THEN 'wrote what it read'
    WHEN 'carried' THEN 'said what it was given' WHEN 'quoted' THEN 'said what it repeats' WHEN 'handoff' THEN CASE WHEN above.operation_name = 'invoke_agent' THEN 'began it' ELSE 'handed over to it' END ELSE 'wrote to it' END,
  -- A run's task is likely to have been before its own steps; of other steps the structure says only that one began the other.
  CASE WHEN kind <> 'parent' THEN confidence WHEN above.operation_name = 'invoke_agent' AND from_agent = to_agent THEN 'likely' ELSE 'possible' END
FROM flow_edges
JOIN spans AS above ON above.preorder = from_preorder
WHERE to_preorder IS NOT NULL AND from_preorder <> to_preorder
UNION ALL
-- A failure goes up; what happened inside a step is part of it.
SELECT
  below.preorder, above.preorder, CASE WHEN below.is_bad AND above.is_bad THEN 'failed inside it' ELSE 'is part of it' END,
  CASE WHEN below.is_bad AND above.is_bad THEN 'certain' ELSE 'possible' END
FROM (SELECT preorder, depth, status_code = 'ERROR' AND NOT is_control_flow AS is_bad FROM spans) AS below
ASOF JOIN (SELECT preorder, depth, status_code = 'ERROR' AND NOT is_control_flow AS is_bad FROM spans) AS above
  ON above.depth = below.depth - 1 AND above.preorder < below.preorder
UNION ALL
-- A failed call comes before what its agent does later in the same run; it only speaks where the log does not hold what the model was shown.
SELECT failed.preorder, later.preorder, 'failed earlier in the same run', 'possible'
FROM (FROM spans WHERE status_code = 'ERROR' AND NOT is_control_flow AND operation_name = 'execute_tool') AS failed
JOIN (FROM spans WHERE operation_name IN ('execute_tool', 'chat', 'generate_content', 'text_completion')) AS later
  ON later.trace_id = failed.trace_id AND later.parent_span_id = failed.parent_span_id AND later.agent_name = failed.agent_name
    AND later.start_time >= failed.end_time AND later.preorder > failed.preorder
WHERE failed.trace_id NOT IN (SELECT trace_id FROM span_message_ranges WHERE direction = 'input')
UNION ALL
-- A swallowed failure went on as a success.
SELECT failed.preorder, catcher.preorder, 'was swallowed by it', 'certain'
FROM findings
JOIN spans AS failed ON failed.trace_id = findings.trace_id AND failed.span_id = span_ids[1]
JOIN spans AS catcher ON catcher.trace_id = findings.trace_id AND catcher.span_id = span_ids[2]
WHERE detector = 'swallowed_error' AND tier = 'proven';

-- Whether what a detector finds can be the cause of harm: what only costs money, or is a statistic, cannot.
CREATE MACRO _can_cause(detector) AS
detector NOT IN ('budget_breach', 'cache_miss_storm', 'oversized_prompt', 'duplicate_work', 'drift_step', 'drift_slope', 'silent_degradation', 'secret_exposure', 'runaway');

-- Defects, one row a defect and step: findings that can cause harm, and failures that nobody mended and no finding tells of.
CREATE VIEW _defects (
  -- Number of the defect.
  defect,
  -- The detector; `error` for a failure.
  detector,
  -- proven, event or candidate.
  tier,
  -- What happened, in one sentence.
  summary,
  -- Place of the step in tree order.
  preorder,
  -- Where it stands, byte for byte.
  evidence
) AS
WITH found AS (
  SELECT
    hash(detector, trace_id, agent_name, span_ids, start_time, summary) AS defect, detector, tier, summary, trace_id, unnest(span_ids) AS span_id, evidence
  FROM findings
  WHERE _can_cause(detector)
),
placed AS (SELECT found.*, spans.preorder FROM found JOIN spans USING (trace_id, span_id))
SELECT defect, detector, tier, summary, preorder, evidence FROM placed
UNION ALL
SELECT
  hash('error', trace_id, span_id), 'error', 'proven',
  format('{} failed{} and was not mended: {}.', coalesce(target, 'A step'), coalesce(' for ' || agent_name, ''),
    rtrim(_short(coalesce(nullif(message, ''), error_class), 120), '.')),
  preorder, [_evidence(source_id, source_line, source_offset, source_length, span_id, 'failed: ' || coalesce(nullif(message, ''), error_class))]
FROM recoveries
WHERE kind <> 'report' AND outcome <> 'recovered' AND preorder NOT IN (SELECT preorder FROM placed);

-- Hypotheses about what caused an incident, the best first: `FROM root_causes(of_trace_id := '...', of_span_id := '...')`, the span being the
-- failed run, the wrong deliverable or any step that looks wrong. `al.detect()` must have run. No rows: nothing in the log speaks for a cause.
-- Columns: rank; detector and tier of the defect; hypothesis (a sentence); trace_id, span_id, agent_name, start_time of the step where it began;
-- strength (`certain`, `likely`, `possible`: the weakest link of the chain); chain (steps from cause to harm: trace_id, span_id, agent_name,
-- label, way it led to the next); span_ids (the same, for highlighting); speaks_for and speaks_against (sentences); evidence.
-- A defect upstream of another defect explains it and stands before it; then come the stronger chains, the better proven defects, the
-- earlier ones. At most `most` are given, over chains of at most `max_hops` steps.
CREATE MACRO root_causes(of_trace_id := NULL, of_span_id := NULL, most := 5, max_hops := 24) AS TABLE
WITH RECURSIVE
incident AS MATERIALIZED (
  SELECT preorder, trace_id, span_id, coalesce(end_time, start_time) AS moment
  FROM spans
  WHERE span_id = of_span_id AND (of_trace_id IS NULL OR trace_id = of_trace_id)
  ORDER BY preorder
  LIMIT 1
),
-- A link that is only suggested costs as much as a hundred that are shown.
links AS MATERIALIZED (
  SELECT *, CASE confidence WHEN 'certain' THEN 1 WHEN 'likely' THEN 2 ELSE 100 END AS cost
  FROM _cause_links
),
-- The cheapest way from every step to the incident, with at most two links that are only suggested. `is_above`: the way goes on by `began it`, and
-- what else was part of a step that only began the harmed one has no part in it. A step that began after the incident ended has no way.
reach (preorder, is_above, cost, weakest, hops, next) USING KEY (preorder, is_above) AS (
  SELECT preorder, false, 0::BIGINT, 1, 0, NULL::STRUCT(preorder BIGINT, is_above BOOLEAN, way VARCHAR, confidence VARCHAR) FROM incident
  UNION
  SELECT from_preorder, is_above, min(total), arg_min(weaker, total), arg_min(steps, total), arg_min(next, total)
  FROM (
    SELECT
      step.from_preorder, way = 'began it' AS is_above, total, steps, greatest(step.weakest, CASE confidence WHEN 'certain' THEN 1 WHEN 'likely' THEN 2 ELSE 3 END) AS weaker,
      struct_pack(preorder := step.to_preorder, is_above := step.to_is_above, way := way, confidence := confidence) AS next
    FROM (
      SELECT
        links.from_preorder, links.way, links.confidence, reach.preorder AS to_preorder, reach.is_above AS to_is_above, reach.weakest, reach.hops + 1 AS steps,
        -- What is part of a part is part of the whole: below the second step down, further ones are no further guesses.
        reach.cost + CASE WHEN links.way = 'is part of it' AND reach.next.way = links.way AND reach.cost >= 200 AND reach.cost < 200 + reach.hops THEN 1 ELSE links.cost END AS total
      FROM reach
      JOIN links ON links.to_preorder = reach.preorder AND NOT (reach.is_above AND links.way = 'is part of it')
      WHERE reach.hops < max_hops
    ) AS step
    JOIN spans ON spans.preorder = from_preorder
    CROSS JOIN incident
    LEFT JOIN recurring.reach AS known ON known.preorder = from_preorder AND known.is_above = (way = 'began it')
    WHERE total < 300 AND coalesce(spans.start_time <= incident.moment, true) AND (known.cost IS NULL OR total < known.cost)
  )
  GROUP BY from_preorder, is_above
),
-- Of each defect the earliest step among those with the surest way to the incident.
reached AS MATERIALIZED (
  SELECT
    defect, any_value(detector) AS detector, any_value(tier) AS tier, any_value(summary) AS summary, any_value(evidence) AS evidence,
    arg_min(struct_pack(preorder := preorder, is_above := is_above), (weakest, begun, preorder)) AS start,
    list(DISTINCT preorder) AS places, any_value(first_moment) AS first_moment
  FROM (
    SELECT _defects.*, spans.start_time AS begun, min((spans.start_time, preorder)) OVER (PARTITION BY defect) AS first_moment
    FROM _defects JOIN spans USING (preorder)
  )
  JOIN reach USING (preorder)
  GROUP BY defect
),
walk AS (
  SELECT start, start.preorder AS here, start.is_above AS here_above, 0 AS place FROM (SELECT DISTINCT start FROM reached)
  UNION ALL
  SELECT walk.start, reach.next.preorder, reach.next.is_above, place + 1
  FROM walk
  JOIN reach ON reach.preorder = walk.here AND reach.is_above = walk.here_above
  WHERE reach.next IS NOT NULL AND place < max_hops
),
chains AS MATERIALIZED (
  SELECT
    walk.start, list(here ORDER BY place) AS path,
    max(reach.weakest) AS weakest,
    count(*) FILTER (reach.next.confidence = 'certain') AS certain_links, count(reach.next.way) AS link_count,
    list(struct_pack(trace_id := spans.trace_id, span_id := spans.span_id, agent_name := spans.agent_name,
      label := _span_label(operation_name, name, tool_name, response_model, request_model, agent_name), way := reach.next.way) ORDER BY place) AS chain
  FROM walk
  JOIN spans ON spans.preorder = walk.here
  JOIN reach ON reach.preorder = walk.here AND reach.is_above = walk.here_above
  GROUP BY walk.start
),
joined AS MATERIALIZED (
  SELECT reached.*, start.preorder AS cause, path, chain, coalesce(weakest, 1) AS weakest, certain_links, link_count
  FROM reached
  JOIN chains USING (start)
),
-- A defect explains a later one whose steps lie on its way to the harm, or are its own.
explains AS (
  SELECT earlier.defect, count(*) AS explained, list(later.detector ORDER BY later.first_moment) AS explained_detectors, list(later.defect) AS explained_defects
  FROM joined AS earlier
  JOIN joined AS later ON earlier.first_moment < later.first_moment AND list_has_any(list_concat(earlier.path, earlier.places), later.places)
  GROUP BY earlier.defect
),
explained AS (SELECT DISTINCT unnest(explained_defects) AS defect FROM explains),
-- How often the same kind of defect (for a failure: the same failure) is in other traces whose root ended well.
harmless AS (
  SELECT sort, count(DISTINCT trace_id) AS traces
  FROM (SELECT CASE detector WHEN 'error' THEN summary ELSE detector END AS sort, spans.trace_id, root_span_id FROM _defects JOIN spans USING (preorder)) AS elsewhere
  JOIN spans AS root USING (trace_id)
  WHERE root.span_id = elsewhere.root_span_id AND root.status_code = 'OK' AND trace_id NOT IN (SELECT trace_id FROM incident)
  GROUP BY sort
),
ranked AS (
  SELECT
    joined.*, coalesce(explained, 0) AS explained, explained_detectors, joined.defect IN (FROM explained) AS is_explained,
    coalesce(harmless.traces, 0) AS harmless_traces,
    row_number() OVER (ORDER BY joined.defect IN (FROM explained), weakest, coalesce(explained, 0) DESC, tier_rank(tier), len(path), cause) AS rank
  FROM joined
  LEFT JOIN explains USING (defect)
  LEFT JOIN harmless ON sort = CASE detector WHEN 'error' THEN summary ELSE detector END
)
SELECT
  rank, detector, tier, summary AS hypothesis, spans.trace_id, spans.span_id, spans.agent_name, spans.start_time,
  CASE weakest WHEN 1 THEN 'certain' WHEN 2 THEN 'likely' ELSE 'possible' END AS strength,
  chain, list_transform(chain, lambda step: step.span_id) AS span_ids,
  list_filter([
    CASE tier WHEN 'proven' THEN 'The log itself shows the defect.' WHEN 'event' THEN 'The log shows that it happened.' END,
    CASE WHEN link_count = 0 THEN 'It is the step itself.' WHEN certain_links = link_count THEN format('All {} links to the harm are shown by the log.', link_count)
      WHEN certain_links > 0 THEN format('{} of {} links to the harm are shown by the log.', certain_links, link_count) END,
    CASE WHEN explained > 0 THEN format('It explains {} other defect{} on the way: {}.', explained, CASE WHEN explained = 1 THEN '' ELSE 's' END,
      array_to_string(list_distinct(explained_detectors), ', ')) END,
    CASE WHEN detector = 'error' THEN 'Nobody mended it.' END
  ], lambda sentence: sentence IS NOT NULL) AS speaks_for,
  list_filter([
    CASE WHEN tier = 'candidate' THEN 'The defect is only a pattern that often is a failure.' END,
    CASE WHEN weakest = 3 THEN format('{} of {} links are only suggested by the structure: nothing shows that anything was passed on.', link_count - certain_links, link_count) END,
    CASE WHEN is_explained THEN 'Another defect stands upstream of it and may be its cause.' END,
    CASE WHEN harmless_traces > 0 THEN format('The same kind of defect is in {} trace{} that ended well.', harmless_traces, CASE WHEN harmless_traces = 1 THEN '' ELSE 's' END) END
  ], lambda sentence: sentence IS NOT NULL) AS speaks_against,
  evidence
FROM ranked
JOIN spans ON spans.preorder = cause
WHERE rank <= most
ORDER BY rank;
