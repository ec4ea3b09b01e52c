-- Work that was handed over without what all the others were given.
-- include: agents.handoffs
-- include: detectors.evidence

-- The keys that carry something in the arguments of every delegation by tool.
CREATE VIEW _brief_keys (
  -- Trace of the delegation.
  trace_id,
  -- The span that handed over.
  span_id,
  -- The agent that handed over.
  from_agent,
  -- The agent that took over.
  to_agent,
  -- The tool.
  tool_name,
  -- When (UTC).
  start_time,
  -- When it came back (UTC).
  end_time,
  -- Keys whose value is neither null nor empty.
  keys,
  -- Place in tree order.
  preorder
) AS
WITH told AS (
  SELECT *, TRY_CAST(TRY_CAST(tool_call_arguments AS JSON) AS MAP(VARCHAR, JSON)) AS parts
  FROM spans
  WHERE operation_name = 'execute_tool' AND _is_handoff_tool(tool_name) AND start_time IS NOT NULL AND json_valid(tool_call_arguments)
)
SELECT
  trace_id, span_id, agent_name, _handoff_target(operation_name, name, tool_name, tool_call_arguments), tool_name, start_time, end_time,
  list_transform(
    list_filter(map_entries(parts), lambda part: part.value IS NOT NULL AND part.value::VARCHAR NOT IN ('null', '""', '[]', '{}')),
    lambda part: part.key
  ),
  preorder
FROM told
WHERE parts IS NOT NULL;

-- Why missing briefs cannot be looked for; no reason when all is there.
CREATE VIEW _needs_missing_brief (
  -- False where nothing can be found for lack of evidence.
  can_look,
  -- Why, in one sentence.
  reason
) AS
SELECT
  coalesce(max(delegations), 0) >= 6,
  CASE
    WHEN count(*) = 0 THEN 'no delegation has its arguments recorded as a JSON object'
    WHEN max(delegations) < 6 THEN 'there are too few delegations with one tool to know what a brief usually carries (6 are needed)'
  END
FROM (SELECT count(*) AS delegations FROM _brief_keys GROUP BY from_agent, tool_name);

-- Every delegation that lacks a part which nearly all before it carried: the parts, how many had them, and one that did. Arguments as in
-- `detect_missing_brief`.
CREATE MACRO _missing_parts(min_earlier, min_share) AS TABLE
WITH briefs AS (
  SELECT
    *, row_number() OVER (PARTITION BY from_agent, tool_name ORDER BY start_time, preorder) AS number,
    count(*) OVER (PARTITION BY from_agent, tool_name) AS briefs
  FROM _brief_keys
),
-- Only parts that most briefs carry can be missed.
parts AS (
  SELECT from_agent, tool_name, part
  FROM (SELECT from_agent, tool_name, briefs, unnest(keys) AS part FROM briefs)
  GROUP BY from_agent, tool_name, briefs, part
  HAVING count(*) >= 0.5 * briefs
),
counted AS (
  SELECT
    briefs.*, part, list_contains(keys, part) AS is_carried,
    count(*) FILTER (list_contains(keys, part)) OVER earlier AS earlier_with,
    max(CASE WHEN list_contains(keys, part) THEN number END) OVER earlier AS last_with,
    bool_or(list_contains(keys, part)) OVER (PARTITION BY from_agent, tool_name, part, trace_id) AS is_carried_in_trace,
    max(CASE WHEN list_contains(keys, part) THEN preorder END) OVER earlier AS example
  FROM briefs
  JOIN parts USING (from_agent, tool_name)
  WINDOW earlier AS (PARTITION BY from_agent, tool_name, part ORDER BY number ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
)
SELECT
  trace_id, span_id, from_agent, to_agent, start_time, end_time, preorder, bool_or(is_carried_in_trace) AS is_in_trace,
  list_sort(list(part)) AS missing, max(earlier_with) AS earlier_with, max(example) AS example
FROM counted
-- The habit is judged up to the last brief that kept it; a few gaps in a row break it, more are a new habit.
WHERE NOT is_carried AND earlier_with >= min_earlier AND earlier_with >= min_share * last_with AND number - last_with <= min_earlier
GROUP BY ALL;

-- A delegation lacks what nearly all earlier ones by the same agent and tool carried.
--
-- Means: the agent that took over did not get facts, context or constraints that it usually gets. Matters: it fills the gap with a guess.
-- A part of a brief is expected when at least `min_earlier` earlier delegations carried it, and at least `min_share` of those up to the last that did.
-- More than `min_earlier` delegations in a row without it are a new habit. One finding a delegation. Tier event. Severity: critical when other delegations of the same trace carried what is missing
-- here, else warning.
-- Leaves alone: parts that are often left out; the first delegations.
-- Misses: briefs in prose that lack a fact; parts that were never given.
-- scope: fleet
-- version: 1
CREATE MACRO detect_missing_brief(min_earlier := 5, min_share := 0.9) AS TABLE
WITH told AS (FROM _missing_parts(min_earlier, min_share))
SELECT
  'event' AS tier, CASE WHEN is_in_trace THEN 'critical' ELSE 'warning' END AS severity, told.trace_id, told.to_agent AS agent_name,
  [told.span_id] AS span_ids, told.start_time, told.end_time,
  format('{} sent {} a brief without {}, which {} earlier briefs carried.', told.from_agent, coalesce(told.to_agent, 'an agent'),
    array_to_string(missing, ', '), earlier_with) AS summary,
  list_filter([
    _evidence(here.source_id, here.source_line, here.source_offset, here.source_length, told.span_id, 'this brief: ' || here.tool_call_arguments),
    CASE WHEN example.span_id IS NOT NULL THEN
      _evidence(example.source_id, example.source_line, example.source_offset, example.source_length, example.span_id, 'one before: ' || example.tool_call_arguments)
    END
  ], lambda piece: piece IS NOT NULL) AS evidence,
  NULL::BIGINT AS tokens_wasted, NULL::DOUBLE AS cost_usd_wasted
FROM told
JOIN spans AS here ON here.preorder = told.preorder
LEFT JOIN spans AS example ON example.preorder = told.example;
