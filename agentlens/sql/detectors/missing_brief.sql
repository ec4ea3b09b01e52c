-- Work that was handed over without what all the others were given.
-- include: agents.handoffs
-- include: messages.span_messages
-- include: messages.texts
-- include: spans.actions
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
  preorder,
  -- Delegations by the same agent with the same tool, in all traces.
  briefs,
  -- Those of them in this trace.
  siblings,
  -- Delegations by the same agent in this trace, with whatever tool.
  from_one_hand
) AS
-- Arguments are only read where the tool hands over: DuckDB would read those of all calls first.
WITH told AS (
  SELECT
    spans.*, taken.to_agent,
    CASE WHEN _is_handoff_tool(spans.tool_name) OR taken.preorder IS NOT NULL THEN TRY_CAST(TRY_CAST(tool_call_arguments AS JSON) AS MAP(VARCHAR, JSON)) END AS parts
  FROM spans
  LEFT JOIN _calls_of_agents AS taken USING (preorder)
  WHERE operation_name = 'execute_tool' AND start_time IS NOT NULL
)
SELECT
  trace_id, span_id, agent_name, coalesce(_handoff_target(operation_name, name, tool_name, tool_call_arguments), to_agent), tool_name, start_time, end_time,
  list_transform(
    list_filter(map_entries(parts), lambda part: part.value IS NOT NULL AND part.value::VARCHAR NOT IN ('null', '""', '[]', '{}')),
    lambda part: part.key
  ),
  preorder, count(*) OVER (PARTITION BY agent_name, tool_name), count(*) OVER (PARTITION BY trace_id, agent_name, tool_name), count(*) OVER (PARTITION BY trace_id, agent_name)
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
  compared > 0,
  CASE
    WHEN seen > 0 AND timed = 0 THEN 'no delegation has a time recorded'
    WHEN briefs = 0 THEN 'no delegation has its arguments recorded as a JSON object'
    WHEN compared = 0 THEN 'there are too few delegations to know what a brief usually carries (6 with one tool are needed, or 3 by one agent in one trace)'
    ELSE nullif(concat_ws('; ',
      _untimed('delegations', seen, timed),
      _unjudged('delegations', seen, timed - briefs, 'no arguments recorded as a JSON object'),
      _unjudged('delegations', seen, briefs - compared, 'too few others by the same agent to compare with')), '')
  END
FROM (SELECT count(*) AS seen, count(start_time) AS timed FROM spans WHERE operation_name = 'execute_tool' AND (_is_handoff_tool(tool_name) OR preorder IN (SELECT preorder FROM _calls_of_agents))), (
  SELECT count(*) AS briefs, count(*) FILTER (briefs >= 6 OR siblings >= 4 OR from_one_hand >= 3) AS compared FROM _brief_keys
);

-- Every delegation that lacks a part which nearly all before it carried: the parts, how many had them, and one that did. Arguments as in
-- `detect_missing_brief`.
CREATE MACRO _missing_parts(min_earlier, min_share) AS TABLE
WITH briefs AS (
  SELECT
    *, row_number() OVER (PARTITION BY from_agent, tool_name ORDER BY start_time, preorder) AS number
  FROM _brief_keys
),
-- Only parts that most briefs carry can be missed, and only in briefs of the same form: where a part stands that is never given beside it, that one may say
-- the same under another name.
parts AS (
  SELECT from_agent, tool_name, part, list_distinct(flatten(list(DISTINCT keys))) AS given_beside
  FROM (SELECT from_agent, tool_name, briefs, keys, unnest(keys) AS part FROM briefs)
  GROUP BY from_agent, tool_name, briefs, part
  HAVING count(*) >= 0.5 * briefs
),
counted AS (
  SELECT
    briefs.*, part, given_beside, list_contains(keys, part) AS is_carried,
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
WHERE NOT is_carried AND list_has_all(given_beside, keys) AND earlier_with >= min_earlier AND earlier_with >= min_share * last_with AND number - last_with <= min_earlier
GROUP BY ALL;

-- What a text says under headings of its own, as in `Locale: de-AT. Form of address: Sie.`: the headings.
CREATE MACRO _headings_in(said) AS regexp_extract_all(said, '(?:^|[.;,(\n]\s*)(\p{Lu}\pL*(?: \pL+){0,3}):\s', 1);

-- What every brief says, of the first 20,000 characters of its arguments.
CREATE VIEW _brief_facts (
  -- Place in tree order.
  preorder,
  -- All of it, one argument below the other.
  said,
  -- The values in it (amounts, dates, names, paths, identifiers).
  values_told,
  -- Its headings.
  headings,
  -- Its words of three letters and more, in lower case; no part of an identifier is one.
  words
) AS
SELECT preorder, said, list_distinct(_values_of(said)), list_distinct(_headings_in(said)), _words_in_text(said)
FROM (
  SELECT preorder, left(array_to_string(json_extract_string(tool_call_arguments, '$.*'), chr(10)), 20000) AS said
  FROM (SELECT preorder, tool_call_arguments FROM spans)
  SEMI JOIN _brief_keys USING (preorder)
);

-- Every delegation that alone lacks a value (an amount, a date, a name, a path, an identifier) or a heading that all its siblings carry: briefs of the same agent, tool and
-- trace, of which two at least came before it, or all went out within two seconds: then none was the first to know.
CREATE MACRO _missing_values(min_siblings) AS TABLE
WITH briefs AS MATERIALIZED (
  SELECT
    keys.*, row_number() OVER (PARTITION BY trace_id, from_agent, tool_name ORDER BY start_time, preorder) AS number,
    epoch_ns(max(start_time) OVER together) - epoch_ns(min(start_time) OVER together) <= 2000000000 AS is_one_go,
    list_distinct(list_concat(values_told, headings)) AS values_told,
    list_filter(words, lambda word: length(word) >= 4 AND NOT contains(lower(coalesce(to_agent, '')), word)) AS words_told
  FROM _brief_keys AS keys
  JOIN _brief_facts USING (preorder)
  WHERE siblings >= min_siblings
  WINDOW together AS (PARTITION BY trace_id, from_agent, tool_name)
),
common AS (
  SELECT trace_id, from_agent, tool_name, value, list(number) AS carriers
  FROM (SELECT *, unnest(values_told) AS value FROM briefs)
  GROUP BY trace_id, from_agent, tool_name, value
  HAVING count(*) = any_value(siblings) - 1
)
SELECT
  briefs.trace_id, span_id, briefs.from_agent, to_agent, start_time, end_time, preorder, any_value(briefs.siblings) - 1 AS siblings,
  list_sort(list(DISTINCT value)) AS missing, max(carriers[1]) AS example
FROM briefs
JOIN common USING (trace_id, from_agent, tool_name)
JOIN (SELECT trace_id, from_agent, tool_name, number AS sibling, words_told AS sibling_words, keys AS sibling_keys FROM briefs) AS others
  ON others.trace_id = briefs.trace_id AND others.from_agent = briefs.from_agent AND others.tool_name = briefs.tool_name AND list_contains(carriers, sibling)
-- Who is asked for something else altogether, in the same form, needs other facts.
WHERE (number > 2 OR is_one_go) AND NOT list_contains(carriers, number) AND (len(sibling_words) = 0 OR len(words_told) = 0 OR list_has_any(words_told, sibling_words) OR NOT list_has_all(keys, sibling_keys))
GROUP BY ALL;

-- Every delegation that lacks a value which the task of the agent that handed over carries, and the briefs of all it asked for the same as well (two others at
-- least, with whatever tools): three quarters of the words of this brief stand in theirs. Who is told the value by other means, or is sent to look for it, does not lack it.
CREATE MACRO _missing_facts() AS TABLE
WITH briefs AS MATERIALIZED (
  SELECT
    keys.*, said, values_told, list_filter(words, lambda word: NOT contains(lower(to_agent), word)) AS words, row_number() OVER (PARTITION BY trace_id, from_agent ORDER BY start_time, preorder) AS number
  FROM _brief_keys AS keys
  JOIN _brief_facts USING (preorder)
  WHERE from_one_hand BETWEEN 3 AND 20 AND to_agent IS NOT NULL
),
pairs AS MATERIALIZED (
  SELECT lacking.preorder, lacking.said, sibling.preorder AS sibling, sibling.values_told, count(*) OVER (PARTITION BY lacking.preorder) AS kin
  FROM briefs AS lacking
  JOIN briefs AS sibling USING (trace_id, from_agent)
  -- The name of whom a brief is for is no word of it.
  WHERE len(lacking.words) > 0 AND sibling.to_agent <> lacking.to_agent AND len(list_intersect(lacking.words, sibling.words)) >= 0.75 * len(lacking.words)
    AND NOT regexp_matches(lacking.said, '(?i)\b(see|same|above|attached|as (before|usual|agreed|discussed|in|per|told)|siehe|wie (oben|bisher|üblich|besprochen)|véase|como (antes|siempre))\b')
),
lacked AS MATERIALIZED (
  SELECT preorder, value, any_value(kin) AS kin, min(sibling) AS example
  FROM (SELECT preorder, said, sibling, kin, unnest(values_told) AS value FROM pairs WHERE kin >= 2)
  WHERE NOT contains(said, value)
  GROUP BY preorder, value
  HAVING count(DISTINCT sibling) = any_value(kin)
),
suspects AS MATERIALIZED (
  SELECT lacked.*, here.trace_id, here.agent_name, here.subtree_end, here.tool_call_result
  FROM lacked
  JOIN spans AS here USING (preorder)
),
-- What people and agents told the agents of these traces, by the span that was shown it.
heard AS MATERIALIZED (
  SELECT spans.trace_id, spans.agent_name, spans.preorder, _message_text(parts) AS said
  FROM span_messages
  JOIN messages USING (message_hash)
  JOIN spans USING (trace_id, span_id)
  WHERE span_messages.trace_id IN (SELECT trace_id FROM suspects) AND direction <> 'output' AND role NOT IN ('assistant', 'tool')
),
confirmed AS (
  SELECT suspects.*
  FROM suspects
  SEMI JOIN heard ON heard.trace_id = suspects.trace_id AND heard.agent_name = suspects.agent_name AND heard.preorder < suspects.preorder AND contains(heard.said, suspects.value)
  ANTI JOIN heard AS told ON told.preorder > suspects.preorder AND told.preorder < suspects.subtree_end AND contains(told.said, suspects.value)
  WHERE NOT contains(coalesce(tool_call_result, ''), value)
)
SELECT
  briefs.trace_id, span_id, briefs.from_agent, to_agent, start_time, end_time, preorder, any_value(kin) AS siblings, list_sort(list(DISTINCT value)) AS missing,
  min(example) AS example
FROM briefs
JOIN confirmed USING (preorder)
-- Who was told the value in an earlier brief may remember it.
WHERE NOT EXISTS (FROM briefs AS earlier WHERE earlier.trace_id = briefs.trace_id AND earlier.to_agent = briefs.to_agent AND earlier.number < briefs.number AND contains(earlier.said, value))
GROUP BY ALL;

-- A delegation lacks what nearly all earlier ones by the same agent and tool carried.
--
-- Means: the agent that took over did not get facts, context or constraints that it usually gets. Matters: it fills the gap with a guess.
-- A part of a brief is expected when at least `min_earlier` earlier delegations carried it, and at least `min_share` of those up to the last that did.
-- More than `min_earlier` delegations in a row without it are a new habit. One finding a delegation. Tier event. Severity: critical when other delegations of the same trace carried what is missing
-- here, else warning. Tier candidate, severity warning: a value (amount, date, name, path, identifier) or a heading (`Locale:`) that all other briefs of the same agent, tool and
-- trace carry (`min_siblings` briefs at least), this one alone does not.
-- The same where the briefs of one agent go to several with whatever tools, and the value stands in its own task as well: then two others that ask for the same are enough.
-- Example: every brief carries `context`, the one to the writer does not; four briefs name the deadline of 28 April, the fifth does not.
-- Leaves alone: parts that are often left out; the first delegations; values that two briefs or more do without; briefs of another form, with a part that
-- no brief carries beside the missing one (`message` where the others have `task`); siblings that are asked for something else; who was told the value in
-- an earlier brief or by other messages, or is referred to where it stands (`as before`, `see …`).
-- Misses: briefs in prose that lack a fact which is no value; parts that were never given.
-- Do: compare this brief with the one shown beside it, and check what the agent assumed instead.
-- scope: fleet
-- version: 8
CREATE MACRO detect_missing_brief(min_earlier := 5, min_share := 0.9, min_siblings := 4) AS TABLE
WITH parts AS (FROM _missing_parts(min_earlier, min_share)),
told AS (
  SELECT
    *, 'event' AS tier, CASE WHEN is_in_trace THEN 'critical' ELSE 'warning' END AS severity, format('{} earlier briefs carried', earlier_with) AS carried
  FROM parts
  UNION ALL BY NAME
  SELECT
    lacking.* EXCLUDE (siblings, example), example.preorder AS example, 'candidate' AS tier, 'warning' AS severity,
    format('all {} other briefs of the trace carry', siblings) AS carried
  FROM (FROM _missing_values(min_siblings) ANTI JOIN parts USING (preorder)) AS lacking
  LEFT JOIN (
    SELECT trace_id, from_agent, preorder, row_number() OVER (PARTITION BY trace_id, from_agent, tool_name ORDER BY start_time, preorder) AS number FROM _brief_keys
  ) AS example ON example.trace_id = lacking.trace_id AND example.from_agent = lacking.from_agent AND example.number = lacking.example
),
all_told AS (
  FROM told
  UNION ALL BY NAME
  SELECT * EXCLUDE (siblings), 'candidate' AS tier, 'warning' AS severity, format('the task and all {} others asked for the same carry', siblings) AS carried
  FROM _missing_facts()
  ANTI JOIN told USING (preorder)
)
SELECT
  tier, severity, told.trace_id, told.to_agent AS agent_name,
  [told.span_id] AS span_ids, told.start_time, told.end_time,
  format('{} sent {} a brief{} without {}, which {}.', told.from_agent, coalesce(told.to_agent, 'an agent'), _about(here.tool_call_arguments),
    array_to_string(missing[:6], ', '), carried) AS summary,
  list_filter([
    _evidence(here.source_id, here.source_line, here.source_offset, here.source_length, told.span_id, 'this brief: ' || here.tool_call_arguments),
    CASE WHEN example.span_id IS NOT NULL THEN
      _evidence(example.source_id, example.source_line, example.source_offset, example.source_length, example.span_id, 'one before: ' || example.tool_call_arguments)
    END
  ], lambda piece: piece IS NOT NULL) AS evidence,
  NULL::BIGINT AS tokens_wasted, NULL::DOUBLE AS cost_usd_wasted
FROM all_told AS told
JOIN spans AS here ON here.preorder = told.preorder
LEFT JOIN spans AS example ON example.preorder = told.example;
