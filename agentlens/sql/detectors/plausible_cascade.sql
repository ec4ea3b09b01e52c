-- A wrong value that looked right, and who believed it.
-- include: messages.languages
-- include: messages.span_messages
-- include: messages.texts
-- include: detectors.evidence

-- How values are written that can be corrected: times of day, amounts, percentages, dates and numbers of two digits and more.
CREATE MACRO _value_pattern() AS
'(\d{1,2}:\d{2}(?:\s?[ap]m)?|(?:(?:EUR|USD|GBP|CHF|[$€£])\s?)?\d[\d.,]*\d(?:\s?(?:%|per cent|percent|million|billion|[kKmM]\b))?|\d\s?(?:%|per cent|percent)|\d{1,2} (?:January|February|March|April|May|June|July|August|September|October|November|December)(?: \d{4})?)';

-- Corrections in a text: pairs of a wrong value and the right one, as the text itself says so.
CREATE MACRO _corrections_in(said) AS
list_concat(
  -- `12.4 m, not 14.2 m`; what is otherwise now (`not 14.2 m any more`, `not 14.2 m as before`) was right in its time.
  list_transform(list_filter(
      regexp_extract_all(said, '(?i)\b(?:is|was|be|been|read|to|actually|really|value|figure|number|price|date|:)\s+(?:in fact |actually |really |on |at )?' || _value_pattern() || '(?:\s?[\pL°²³/]{1,12})?\s?[,;(]?\s?(?:and )?not\s+(?:on |at )?' || _value_pattern() || '(?:[^.,;:\n]{0,30})'),
      lambda hit: NOT regexp_matches(hit, '(?i)not\s+(?:on |at )?' || _value_pattern() || '(?:\s?\pL+){0,2}\s+(?:as|any ?more|any longer)\b')),
    lambda hit: struct_pack(said := hit, wrong := regexp_extract(hit, '(?i)\bnot\s+(?:on |at )?' || _value_pattern(), 1))),
  -- `418 meals a day, not 4180`: a unit of several words, and then a comma.
  list_transform(regexp_extract_all(said, '(?i)\b(?:is|was|be|been|actually|really|serve|have|need|:)\s+' || _value_pattern() || '(?:\s\pL{1,12}){2,4}\s?[,;(]\s?not\s+' || _value_pattern() || '\s?(?:[.;,)!\n]|$)'),
    lambda hit: struct_pack(said := hit, wrong := regexp_extract(hit, '(?i)\bnot\s+' || _value_pattern(), 1))),
  list_transform(regexp_extract_all(said, '(?i)\b(?:correct|corrects|corrected|correcting|correction|fix|fixes|fixed|amend|amended|revise|revised)\b[^.\n]{0,60}?\bfrom\s+' || _value_pattern() || '\s+to\s+' || _value_pattern()),
    lambda hit: struct_pack(said := hit, wrong := regexp_extract(hit, '(?i)from\s+' || _value_pattern() || '\s+to', 1))),
  -- `14.2 m was wrong`; of `12.4 m is right, 14.2 m was wrong` only the second.
  list_transform(list_filter(regexp_extract_all(said, '(?i)' || _value_pattern() || '[^.,;\n]{0,40}?\b(?:is|was|were)\s+(?:wrong|incorrect|mistaken|false|a mistake|an error|a typo|misread|outdated)\b'), lambda hit: NOT regexp_matches(hit, '(?i)\b(?:is|was) (?:right|correct|true)\b')),
    lambda hit: struct_pack(said := hit, wrong := regexp_extract(hit, '(?i)^' || _value_pattern(), 1))),
  list_transform(regexp_extract_all(said, '(?i)\b(?:wrong|incorrect|mistaken|misread|mistake|error)\b[^.\n]{0,40}?' || _value_pattern() || '[^.\n]{0,30}?\b(?:should (?:be|have been|read)|instead of|is actually|in fact)\s'),
    lambda hit: struct_pack(said := hit, wrong := regexp_extract(hit, '(?i)\b(?:wrong|incorrect|mistaken|misread|mistake|error)\b[^.\n]{0,40}?' || _value_pattern(), 1))),
  list_transform(regexp_extract_all(said, '(?i)' || _value_pattern() || '[^.\n]{0,20}?\bshould (?:be|have been|read)\s+' || _value_pattern()),
    lambda hit: struct_pack(said := hit, wrong := regexp_extract(hit, '(?i)^' || _value_pattern(), 1)))
);

-- What agents said, did and reported, as texts in time: answers of models, arguments and results of tools, messages between agents.
CREATE VIEW _statements (
  -- Trace of the step.
  trace_id,
  -- The step; NULL for a message outside all steps.
  span_id,
  -- Who said it.
  agent_name,
  -- `answer`, `arguments`, `result`, `message` or `user`.
  side,
  -- What was said.
  said,
  -- When (UTC).
  time,
  -- The source it stands in.
  source_id,
  -- Line of the record.
  source_line,
  -- Byte offset of the record.
  source_offset,
  -- Length of the record in bytes.
  source_length
) AS
SELECT spans.trace_id, spans.span_id, agent_name, 'answer', _message_text(parts), coalesce(end_time, start_time), said.source_id, said.source_line, said.source_offset, said.source_length
FROM span_messages AS said
JOIN messages USING (message_hash)
JOIN spans ON spans.trace_id = said.trace_id AND spans.span_id = said.span_id
WHERE direction = 'output'
UNION ALL
SELECT trace_id, span_id, agent_name, 'arguments', tool_call_arguments, start_time, source_id, source_line, source_offset, source_length
FROM spans WHERE tool_call_arguments IS NOT NULL
UNION ALL
SELECT trace_id, span_id, agent_name, 'result', tool_call_result, coalesce(end_time, start_time), source_id, source_line, source_offset, source_length
FROM spans WHERE tool_call_result IS NOT NULL
UNION ALL
SELECT trace_id, span_id, sender, 'message', payload, time, source_id, source_line, source_offset, source_length
FROM agent_messages WHERE payload IS NOT NULL
UNION ALL
-- What a person wrote counts at the first call that it was shown to.
SELECT sent.trace_id, sent.span_id, 'user', 'user', _message_text(parts), start_time, sent.source_id, sent.source_line, sent.source_offset, sent.source_length
FROM (
  FROM span_messages
  SEMI JOIN (FROM messages WHERE role = 'user' AND NOT contains(parts::VARCHAR, '"tool_call_response"')) USING (message_hash)
  WHERE direction = 'input'
  QUALIFY row_number() OVER (PARTITION BY trace_id, message_hash ORDER BY source_id, source_offset, span_id) = 1
) AS sent
JOIN messages USING (message_hash)
JOIN spans ON spans.trace_id = sent.trace_id AND spans.span_id = sent.span_id;

-- Why plausible cascades cannot be looked for; no reason when all is there.
CREATE VIEW _needs_plausible_cascade (
  -- False where nothing can be found for lack of evidence.
  can_look,
  -- Why, in one sentence.
  reason
) AS
SELECT
  is_timed,
  CASE
    WHEN NOT is_recorded THEN 'nothing that agents said is recorded'
    WHEN NOT is_timed THEN 'nothing that agents said has a time'
    ELSE nullif(concat_ws('; ', _mostly_foreign(texts, 'corrections'), _untimed('steps and messages', seen, timed)), '')
  END
FROM (SELECT EXISTS (FROM _statements) AS is_recorded, EXISTS (FROM _statements WHERE time IS NOT NULL) AS is_timed), (
  -- Any few will do, the same ones every time.
  SELECT list(left(_message_text(parts), 300)) AS texts FROM (SELECT parts FROM messages WHERE role IN ('user', 'assistant') ORDER BY message_hash LIMIT 12)
), (
  SELECT sum(seen)::BIGINT AS seen, sum(timed)::BIGINT AS timed
  FROM (
    SELECT count(*) AS seen, count(coalesce(end_time, start_time)) AS timed FROM spans WHERE operation_name IN ('execute_tool', 'chat', 'generate_content', 'text_completion')
    UNION ALL
    SELECT count(*), count(time) FROM agent_messages WHERE payload IS NOT NULL
  )
);

-- A value is corrected in so many words, and until then other agents had built on it.
--
-- Means: the value was wrong and looked right, so nobody asked. Matters: what was built on it before the correction may still be wrong. Fires when an
-- agent or a person says that a value is wrong and at least one agent other than the one that brought it in had repeated it before, in what it
-- said or did. One finding a trace and value. Tier event. Severity: critical when two or more agents trusted it, else warning.
-- Example: `the notice period is 26 days, not 62`, after the writer and the editor had both passed on 62.
-- Leaves alone: corrections of one's own words that nobody had taken up; changes that no one calls a correction; numbers of one digit.
-- Misses: contradictions that nobody notices; values rewritten in other units; corrections in other languages than English (`checks` says where most texts are).
-- Do: look at each step listed: it used the value before it was corrected.
-- scope: trace
-- version: 4
CREATE MACRO detect_plausible_cascade() AS TABLE
-- Messages outside all traces belong to those of their file.
WITH statements AS MATERIALIZED (
  SELECT * REPLACE (coalesce(trace_id, 'source ' || source_id) AS trace_id), trace_id IS NULL AS is_outside FROM _statements WHERE time IS NOT NULL
),
corrections AS MATERIALIZED (
  SELECT trace_id, wrong, arg_min(struct_pack(agent := agent_name, said := said, span_id := span_id, source_id := source_id, source_line := source_line, source_offset := source_offset, source_length := source_length), time) AS correction, min(time) AS time, bool_and(is_outside) AS is_outside
  FROM (
    SELECT * EXCLUDE (said), unnest(_corrections_in(left(said, 20000)), recursive := true)
    FROM statements
    WHERE side IN ('answer', 'message', 'user', 'arguments')
      AND regexp_matches(said, '(?i)\d.{0,60}\b(not|wrong|incorrect|mistaken|misread|should (be|have been|read)|was an error|a mistake)\b|\b(not|corrected?|correction|wrong|misread|mistake|error|fix(ed)?|amended|revised?)\b.{0,100}\d')
  )
  -- A value must be telling: three digits, or a sign that says what it counts.
  WHERE length(regexp_replace(wrong, '\D', '', 'g')) >= 3 OR regexp_matches(wrong, '[%€$£]|[A-Za-z]|\d[.,]\d')
  GROUP BY trace_id, wrong
),
uses AS MATERIALIZED (
  SELECT corrections.trace_id, wrong, statements.* EXCLUDE (trace_id, is_outside)
  FROM corrections
  JOIN statements ON statements.trace_id = corrections.trace_id AND statements.time < corrections.time
  WHERE contains(statements.said, wrong)
    AND regexp_matches(statements.said, '(^|[^\w.,])' || regexp_escape(wrong) || '($|[^\w.,%]|[.,]($|\D))')
),
brought AS (
  SELECT trace_id, wrong, arg_min(agent_name, (time, source_offset)) AS origin, min(time) AS first_time
  FROM uses
  GROUP BY ALL
),
trusted AS (
  SELECT
    uses.trace_id, uses.wrong, any_value(origin) AS origin, any_value(first_time) AS start_time,
    list_sort(list(DISTINCT agent_name) FILTER (agent_name <> origin AND side IN ('answer', 'arguments', 'message') AND agent_name <> 'user')) AS believers,
    list(span_id ORDER BY time, source_offset) FILTER (span_id IS NOT NULL) AS span_ids, count(*) AS uses,
    list(_evidence(source_id, source_line, source_offset, source_length, span_id,
      format('{} ({}): …{}…', coalesce(agent_name, 'an agent'), side, substr(said, greatest(1, instr(said, uses.wrong) - 60), 160))) ORDER BY time, source_offset) AS evidence
  FROM uses
  JOIN brought USING (trace_id, wrong)
  GROUP BY uses.trace_id, uses.wrong
)
SELECT
  'event' AS tier, CASE WHEN len(believers) > 1 THEN 'critical' ELSE 'warning' END AS severity, CASE WHEN NOT is_outside THEN trusted.trace_id END AS trace_id, origin AS agent_name,
  _first_of_each(list_concat(coalesce(span_ids, []), CASE WHEN correction.span_id IS NULL THEN [] ELSE [correction.span_id] END))[:50] AS span_ids, start_time, corrections.time AS end_time,
  format('{} came from {} and was corrected by {} later; until then {} had trusted it.', wrong, coalesce(origin, 'an agent'), coalesce(correction.agent, 'someone'),
    array_to_string(believers, ', ')) AS summary,
  list_append(evidence[:20], _evidence(correction.source_id, correction.source_line, correction.source_offset, correction.source_length, correction.span_id,
    format('corrected by {}: …{}…', coalesce(correction.agent, 'someone'), correction.said))) AS evidence,
  NULL::BIGINT AS tokens_wasted, NULL::DOUBLE AS cost_usd_wasted
FROM trusted
JOIN corrections USING (trace_id, wrong)
WHERE len(believers) > 0;
