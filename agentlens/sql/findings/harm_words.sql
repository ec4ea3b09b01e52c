-- What the words of an incident say about where it began.
-- include: messages.texts
-- include: flow.texts
-- include: flow.resources
-- include: flow.tokens
-- include: agents.handoffs

-- Whether a text complains: of what is wrong, missing or not as it should be.
CREATE MACRO _complains(said) AS
regexp_matches(said, '(?i)\b(wrong(ly)?|incorrect\w*|invalid|mismatch\w*|differs?|expected|should (be|have)|instead|contradict\w*|reject\w*|declin\w*|disput\w*|complain\w*|fail\w*|error|missing|absent|lacks?|broken|corrupt\w*|vulnerable|not (as|what|the)|does ?n.t match|does not match|no longer|had (said|agreed|asked|ordered)|too (high|low|many|few|late|early)|alert|missed\w*|still (holds?|has|have|shows?|is|are|contains?|exists?)|falsch\w*|erwartet|fehlt|statt|attendu|manque|esperado|falta|atteso|manca)\b');

-- Whether a value stands in a text as a whole.
CREATE MACRO _stands_in(said, value) AS
contains(said, value) AND regexp_matches(said, '(^|[^\w.,-]|[^\w][.,-])' || regexp_escape(value) || '($|[^\w.,:-]|[.,:-]($|\W))');

-- A text with its points in time written as date and clock: `2026-05-14T17:00:00Z` becomes `2026-05-14 17:00`.
CREATE MACRO _with_plain_times(said) AS
CASE WHEN contains(said, 'T') THEN regexp_replace(said, '\b(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?:(?::00(?:\.0+)?)?Z)?', '\1 \2', 'g') ELSE said END;

-- The names in a text that are made of several parts: `prod-eu`, `api/openapi.yaml`.
CREATE MACRO _compound_names(said) AS list_distinct(regexp_extract_all(left(said, 4000), '[A-Za-z]\w*(?:[./-]\w+)+'));

-- A JSON text with numbers joined to their keys: `{v6}` for `{"v": 6}`.
CREATE MACRO _with_numbered_keys(said) AS regexp_replace(said, '"(\w+)" ?: ?(\d[\d.]*)', '\1\2', 'g');

-- What an entry of a list is known by, in lower case: the parts of a name, the values of an object; a number with its key, so that `"v": 6` is `v6`.
CREATE MACRO _marks_of(entry) AS
CASE WHEN starts_with(entry, '{') THEN list_transform(regexp_extract_all(_with_numbered_keys(lower(entry)), '\w+[.\d]*\d|(?:": ?)"[^"]*"'), lambda mark: trim(mark, '": ')) ELSE string_split_regex(lower(entry), '[./-]') END;

-- Whether one of some marks stands in a text in lower case.
CREATE MACRO _has_mark(said, marks) AS
len(list_filter(marks, lambda mark: contains(said, mark) AND regexp_matches(said, '(^|[^a-z0-9])' || regexp_escape(mark) || '($|[^a-z0-9])'))) > 0;

-- The entries of a list in an answer: its objects, else its names.
CREATE MACRO _entries_of(answer) AS
CASE WHEN len(regexp_extract_all(answer, '[{][^{}]{1,400}[}]')) >= 2 THEN regexp_extract_all(answer, '[{][^{}]{1,400}[}]') ELSE _compound_names(answer) END;

-- Whether two names of capitals and figures differ in two neighbouring signs that changed places: `D-AIQK` and `D-AIKQ`.
CREATE MACRO _is_transposed(one, other) AS
length(one) = length(other) AND one <> other AND regexp_full_match(one, '[A-Z\d]+(?:[./-][A-Z\d]+)+')
AND list_contains(list_transform(range(1, length(one)), lambda place: left(one, place - 1) || one[place + 1] || one[place] || substr(one, place + 2)), other);

-- The words of a text that tell what it is about, plain ones and those of a rule left out, without a plural s.
CREATE MACRO _content_words(said) AS
list_distinct(list_transform(list_filter(_distinct_words(said), lambda word: length(word) >= 3 AND NOT regexp_full_match(word, '\d+|the|and|for|are|was|were|has|have|had|not|any|all|one|two|you|your|our|their|with|from|this|that|there|then|than|them|they|who|what|when|which|will|can|may|must|should|please|nothing|never|only|always|each|every|everything|need|needs|least|most|into|about|after|before|been|being|does|did|its|but|out|per|via|use|get|let|task|also|some|here|new|now|no|so')),
  lambda word: CASE WHEN length(word) > 3 THEN regexp_replace(word, 's$', '') ELSE word END));

-- The parts of a text that set a condition, in plain words.
CREATE MACRO _conditions_in(said) AS
list_filter(list_transform(string_split_regex(left(said, 20000), '[.!?;]\s|\n|, '), lambda part: trim(part)),
  lambda part: length(part) BETWEEN 8 AND 400 AND regexp_matches(part, '(?i)\b(do not|don.t|never|must|may (not|only)|shall|cannot|can.t|only|always|no|not|nothing|none|everything|every|needs?|required?|has to|have to|allerg\w+|avoid|except|excluding|without|under|at most|at least|keep|leave|preserve|within|before|until|nicht|nie|keine?[nrsm]?|nur|muss|müssen|alles|ne .{1,30} pas|jamais|doit|tout|nunca|solo|debe|todo|mai|deve|tutto|não)\b'));

-- Steps before an incident that its own words lead to, with nothing at these steps that is marked as wrong. Argument: the place of the incident. Columns: preorder, summary (what was done
-- there), way (how the incident tells of it), confidence.
-- They had removed what it misses; were the first to bring the value that it calls wrong; took a name, or an entry of a list, for another that it or the task names; had changed last what it complains of;
-- gave work to an agent without a thing that it turns on; had lost from their window what was said of it; or wrote to one that there is no trace of. The words of a model call are what it said; where the incident complains of
-- nothing, those of the first call speak that was given an identifier from its answer and complains.
CREATE MACRO _blamed_by_harm(of_preorder) AS TABLE
WITH incident AS MATERIALIZED (FROM spans WHERE preorder = of_preorder),
-- What people said to the models of the trace, and what the incident said.
spoken AS MATERIALIZED (
  SELECT number, texts.preorder, side, until, window_id, _part_text(parts->part_index) AS said
  FROM (
    SELECT number, texts.preorder, side, until, window_id, message_hash, part_index
    FROM flow_texts AS texts
    WHERE trace_id = (SELECT trace_id FROM incident) AND type = 'text' AND ((side = 'heard' AND from_preorder IS NULL) OR (side = 'said' AND texts.preorder = of_preorder))
  ) AS texts
  JOIN messages USING (message_hash)
  WHERE side = 'said' OR role = 'user'
),
trace_calls AS MATERIALIZED (
  SELECT
    spans.preorder, agent_name, tool_name, coalesce(tool_call_arguments, '') AS arguments, coalesce(tool_call_result, '') AS answer, status_code = 'ERROR' AS is_error, subtree_end,
    _shell_command(tool_name, tool_call_arguments, TRY_CAST(tool_call_arguments AS JSON)) AS command
  FROM spans
  WHERE operation_name = 'execute_tool' AND trace_id = (SELECT trace_id FROM incident)
),
calls AS MATERIALIZED (SELECT * REPLACE (_with_plain_times(arguments) AS arguments, _with_plain_times(answer) AS answer) FROM trace_calls WHERE preorder < of_preorder),
told AS MATERIALIZED (
  SELECT preorder, trace_id, agent_name, status_code, left(coalesce(nullif(status_message, ''), tool_call_result, (SELECT string_agg(said, chr(10)) FROM spoken WHERE side = 'said')), 2000) AS said, coalesce(tool_call_arguments, '') AS given
  FROM incident
),
objection AS (
  SELECT later.answer, later.arguments
  FROM (SELECT list_filter(_tokens_in(_plain_text(said)), lambda token: regexp_matches(token, '\d')) AS ids FROM told WHERE NOT (status_code = 'ERROR' OR _complains(left(said, 600)))) AS quiet
  JOIN (FROM trace_calls WHERE preorder > of_preorder AND strlen(answer) < 2000) AS later ON len(list_filter(ids, lambda id: _stands_in(later.arguments, id))) > 0 AND _complains(left(later.answer, 600))
  ORDER BY later.preorder
  LIMIT 1
),
harm AS MATERIALIZED (
  SELECT
    preorder, trace_id, agent_name, said, given, status_code = 'ERROR' OR _complains(left(said, 600)) AS complains, status_code = 'ERROR' AS is_bad, length(said) < 400 AND _complains(said) AS is_short,
    list_filter(regexp_extract_all(said, '[\w./-]*\w'), lambda name: length(name) >= 5 AND regexp_matches(name, '[_./\d-]')) AS names
  FROM (SELECT preorder, trace_id, agent_name, status_code, coalesce(objection.answer, said) AS said, coalesce(objection.arguments, given) AS given FROM told LEFT JOIN objection ON true)
),
-- What the first model of the trace was asked.
task AS MATERIALIZED (
  SELECT coalesce(string_agg(said, chr(10) ORDER BY number), '') AS said, max(until) AS until, any_value(window_id) AS window_id
  FROM spoken
  WHERE side = 'heard' AND preorder = (SELECT min(preorder) FROM spoken WHERE side = 'heard')
),
removals AS (
  SELECT calls.preorder, format('{} removed {}, which is missing later.', tool_name, list_intersect(names, regexp_extract_all(arguments, '[\w./-]*\w'))[1]) AS summary, 'removed what is missing there' AS way, 'likely' AS confidence
  FROM calls, harm
  WHERE NOT is_error AND len(list_intersect(names, regexp_extract_all(arguments, '[\w./-]*\w'))) > 0
    AND regexp_matches(said, '(?i)\b(does ?n.t|do ?n.t|does not|do not|no longer) exist|\bno such\b|\bnot found\b|\bmissing\b|\bgone\b|\bcannot find\b')
    AND (regexp_matches(_tool_words(tool_name), ' (delete|remove|drop|purge|unlink|erase|destroy|truncate|rm) ')
      OR regexp_matches(command, '(?i)(^|[;&|(]\s*|sudo )(rm|rmdir|unlink|shred|git clean|git rm)\s|\b(drop (table|database|index)|delete from|truncate table)\b'))
  ORDER BY calls.preorder DESC
  LIMIT 1
),
-- The values that a complaint names, and where each first stood: in what was asked for, in arguments, in an answer.
values_named AS MATERIALIZED (
  SELECT value, regexp_replace(regexp_replace(regexp_replace(value, '^\d[\d,]*(\.\d+)?$', '0'), '[A-Za-z]+', 'a', 'g'), '\d+', '0', 'g') AS shape, said
  FROM (SELECT unnest(list_concat(_tokens_in(_plain_text(_with_plain_times(said))), list_distinct(regexp_extract_all(said, ' (\d) ', 1)))) AS value, _with_plain_times(said) AS said, _with_plain_times(given) AS given FROM harm WHERE complains)
  WHERE regexp_matches(value, '\d') AND length(value) <= 40 AND NOT _stands_in(given, value)
),
first_stood AS MATERIALIZED (
  SELECT value, arg_min(preorder, place) AS preorder, arg_min(brought, place) AS brought
  FROM (
    SELECT value, preorder, preorder::DOUBLE AS place, 'was given' AS brought FROM values_named JOIN calls ON _stands_in(arguments, value)
    UNION ALL
    SELECT value, preorder, CASE WHEN subtree_end > preorder + 1 THEN subtree_end - 0.5 ELSE preorder + 0.3 END, 'answered' FROM values_named JOIN calls ON _stands_in(answer, value)
  )
  GROUP BY value
),
judged AS MATERIALIZED (
  SELECT
    named.*, stood.preorder, brought, _stands_in(task.said, value) AS is_asked,
    regexp_matches(named.said, '(?i)\b(got|wrote|written|found|actual(ly)?|received|booked|(but|it) was|saw|has|instead of)\W+(\w+\W+){0,2}' || regexp_escape(value) || '|' || regexp_escape(value) || '\W{1,3}(\w+\W){0,2}(is|was|are|were) (wrong|incorrect|invalid|not)\b') AS is_called_wrong
  FROM values_named AS named
  LEFT JOIN first_stood AS stood USING (value)
  CROSS JOIN task
),
wrong AS (
  SELECT bad.preorder, min(bad.value) AS value, min(bad.brought) AS brought, count(*) OVER () AS steps
  FROM (FROM judged WHERE preorder IS NOT NULL AND NOT is_asked) AS bad
  JOIN judged AS good ON good.shape = bad.shape AND good.value <> bad.value AND regexp_matches(bad.value, '\d.*\d') AND (bad.is_called_wrong OR regexp_matches(good.value, '\d.*\d')) AND (good.is_asked OR good.preorder IS NULL OR bad.is_called_wrong) AND NOT good.is_called_wrong
  GROUP BY bad.preorder
  HAVING count(DISTINCT bad.value) = 1
),
-- What was given to a call where another is meant: an entry of a list, of whose like alone the task of that agent speaks; the same with something behind it, while the name itself was never given; or two
-- neighbouring signs of it changed places.
named AS MATERIALIZED (SELECT preorder, agent_name, tool_name, unnest(_compound_names(arguments)) AS name FROM calls),
briefs AS MATERIALIZED (SELECT calls.*, to_agent FROM calls LEFT JOIN (SELECT preorder, to_agent FROM _calls_of_agents) USING (preorder) WHERE to_agent IS NOT NULL OR _is_handoff_tool(tool_name)),
entries AS MATERIALIZED (
  SELECT preorder AS listed_at, entry, _marks_of(entry) AS marks
  FROM (SELECT preorder, unnest(list_distinct(_entries_of(answer))) AS entry FROM calls WHERE strlen(answer) BETWEEN 10 AND 4000)
),
alike AS MATERIALIZED (
  SELECT pairs.*
  FROM (
    SELECT
      right_one.listed_at, wrong_one.entry, right_one.entry AS other, starts_with(wrong_one.entry, '{') AS is_object, list_filter(right_one.marks, lambda mark: NOT list_contains(wrong_one.marks, mark)) AS right_marks,
      list_filter(wrong_one.marks, lambda mark: NOT list_contains(right_one.marks, mark)) AS wrong_marks
    FROM entries AS wrong_one
    JOIN entries AS right_one ON right_one.listed_at = wrong_one.listed_at AND right_one.entry <> wrong_one.entry AND len(right_one.marks) = len(wrong_one.marks)
  ) AS pairs
  CROSS JOIN harm
  WHERE CASE WHEN is_object THEN _has_mark(lower(concat_ws(' ', said, given)), wrong_marks) ELSE contains(said, entry) AND len(wrong_marks) = 1 AND regexp_full_match(wrong_marks[1] || right_marks[1], '[a-z]{4,}') AND _stands_in(said, entry) END
),
given AS MATERIALIZED (
  SELECT calls.preorder, calls.agent_name, calls.tool_name, calls.arguments, lower(_with_numbered_keys(calls.arguments)) AS words, lower(coalesce(arg_max(briefs.arguments, briefs.preorder), any_value(task.said))) AS task
  FROM calls
  CROSS JOIN task
  LEFT JOIN briefs ON briefs.preorder < calls.preorder AND calls.preorder < briefs.subtree_end
  WHERE EXISTS (FROM alike)
  GROUP BY ALL
),
meant AS (
  SELECT given.preorder, given.tool_name, any_value(CASE WHEN is_object THEN wrong_marks[1] ELSE entry END) AS name, any_value(CASE WHEN is_object THEN right_marks[1] ELSE other END) AS meant
  FROM alike
  JOIN given ON listed_at < given.preorder AND CASE WHEN is_object THEN _has_mark(words, list_filter(wrong_marks, lambda mark: length(mark) >= 5 OR regexp_matches(mark, '[a-z].*\d'))) ELSE contains(arguments, entry) END
    AND _has_mark(given.task, right_marks) AND NOT _has_mark(given.task, wrong_marks)
  WHERE NOT EXISTS (FROM given AS well WHERE well.agent_name IS NOT DISTINCT FROM given.agent_name AND well.preorder > listed_at AND CASE WHEN is_object THEN _has_mark(well.words, right_marks) ELSE contains(well.arguments, other) END)
  GROUP BY given.preorder, given.tool_name, listed_at, entry
  HAVING count(DISTINCT other) = 1
  UNION ALL
  SELECT named.preorder, tool_name, name, other
  FROM named
  JOIN (SELECT unnest(_compound_names(said)) AS other FROM harm WHERE complains) AS others
    ON starts_with(name, other) AND regexp_full_match(substr(name, length(other) + 1), '[.~_-]\w+')
  CROSS JOIN task
  WHERE contains(other, '.') AND NOT contains(task.said, name) AND NOT EXISTS (FROM named AS right_one WHERE right_one.name = other)
  UNION ALL
  SELECT any_value(named.preorder), any_value(tool_name), name, other
  FROM named
  JOIN (SELECT unnest(_compound_names(concat_ws(' ', said, given))) AS other FROM harm) AS others ON _is_transposed(name, other)
  CROSS JOIN task
  WHERE NOT contains(task.said, name) AND (contains(task.said, other) OR other IN (SELECT right_one.name FROM named AS right_one GROUP BY ALL HAVING count(*) > 1))
  GROUP BY name, other
  HAVING count(*) = 1
),
-- The last change of the file that a complaint names.
changed AS (
  SELECT preorder, tool_name, file
  FROM calls
  JOIN (SELECT unnest(list_distinct(regexp_extract_all(concat_ws(' ', array_to_string(list_filter(string_split(said, chr(10)), lambda line: _complains(line)), ' '), CASE WHEN is_short THEN given END), '(?:^|[^\w.])([\w-]+\.[A-Za-z]\w{0,4})\b', 1))) AS file FROM (FROM harm WHERE is_bad OR is_short)) AS files ON regexp_matches(arguments, '(^|[^\w.-])' || regexp_escape(file) || '($|[^\w.])')
  WHERE NOT is_error AND (_resource_access(tool_name) = 'write' OR regexp_matches(command, '\bsed -i|\b(mv|cp|tee|patch|truncate)\s|\bgit (checkout|restore|apply|merge|reset|cherry-pick)\b') OR regexp_matches(command, '>>?\s*\S*' || regexp_escape(file)))
  ORDER BY preorder DESC
  LIMIT 1
),
-- Summaries of a text that lost a condition in it: what stands before its first stop or colon says only what to do.
summaries AS MATERIALIZED (
  SELECT preorder, tool_name, _content_words(answer) AS answer_words, _content_words(told) AS told_words, _conditions_in(told) AS rules
  FROM (
    SELECT preorder, tool_name, answer, regexp_replace(arguments, '^[^.:]*":[^.:]*[.:]', '') AS told
    FROM calls
    WHERE length(answer) BETWEEN 20 AND length(arguments) AND regexp_matches(arguments, '(?i)^[^.:]*"\w+" ?: ?"\W*(please )?(summar\w+|condense|shorten|recap|zusammenfass\w*|fasse?|résum\w+|resum\w+|riassum\w+)\b')
  )
),
shortened AS MATERIALIZED (
  SELECT preorder, tool_name, rule
  FROM (SELECT *, _content_words(rule) AS words FROM (SELECT *, unnest(rules) AS rule FROM summaries WHERE len(list_intersect(told_words, answer_words)) >= 3))
  WHERE len(words) > 0 AND NOT list_has_any(words, answer_words)
),
-- Briefs without a word of the task on which the incident, or what the taker was answered, turns.
within AS MATERIALIZED (
  SELECT briefs.preorder, lower(string_agg(below.answer, ' ')) AS learnt, lower(string_agg(concat_ws(' ', below.arguments, below.answer), ' ')) AS below
  FROM briefs
  JOIN trace_calls AS below ON below.preorder > briefs.preorder AND below.preorder < briefs.subtree_end
  GROUP BY briefs.preorder
),
briefed AS MATERIALIZED (
  SELECT preorder, agent_name, to_agent, arguments, answer, subtree_end, coalesce(learnt, '') AS learnt, coalesce(below, '') AS below, _content_words(arguments) AS words
  FROM briefs
  LEFT JOIN within USING (preorder)
),
clauses AS MATERIALIZED (
  SELECT len(_conditions_in(clause)) > 0 AS is_rule, clause_words, unnest(clause_words) AS word, list_distinct(flatten(list(clause_words) OVER ())) AS words
  FROM (SELECT clause, _content_words(clause) AS clause_words FROM (SELECT unnest(string_split_regex(said, '[.;!?]\s|\n')) AS clause FROM task WHERE length(said) < 4000))
),
struck AS MATERIALIZED (SELECT preorder, agent_name, length(said) < 400 AS is_short, _compound_names(said) AS names, lower(said) AS said, lower(given) AS given, _content_words(said) AS words FROM harm),
left_out AS (
  SELECT briefed.preorder, to_agent, word
  FROM briefed, struck, clauses
  WHERE NOT contains(lower(arguments), word) AND len(list_intersect(clauses.words, briefed.words)) >= 2
    AND CASE WHEN is_rule AND struck.preorder < subtree_end THEN contains(concat(learnt, ' ', said), word)
      ELSE is_short AND struck.preorder >= subtree_end AND struck.agent_name IS NOT DISTINCT FROM briefed.agent_name AND (is_rule OR len(list_intersect(clause_words, briefed.words)) >= 2) AND list_contains(struck.words, word) AND NOT contains(given, word) AND NOT contains(below, word) AND (len(list_intersect(struck.words, briefed.words)) >= 2 OR list_has_any(struck.names, _compound_names(briefed.answer))) END
    AND (is_rule OR NOT EXISTS (FROM calls WHERE contains(lower(calls.arguments), word) AND calls.preorder < briefed.preorder))
    AND NOT EXISTS (FROM shortened WHERE shortened.preorder < briefed.preorder)
),
-- The first words of a model from whose window a condition had gone with the task, and in which nothing else spoke of the thing in it that the incident names.
forgotten AS (
  SELECT min_by(turns.preorder, turns.until) AS preorder, any_value(rule) AS rule
  FROM (SELECT unnest(_conditions_in(said)) AS rule, until, window_id FROM task) AS rules
  JOIN (SELECT unnest(names) AS name FROM harm WHERE complains) AS missed ON _stands_in(rule, name)
  JOIN (SELECT preorder, window_id, until FROM flow_texts WHERE trace_id = (SELECT trace_id FROM incident) AND side = 'said' AND type <> 'result' AND preorder < of_preorder) AS turns ON turns.window_id = rules.window_id AND turns.until > rules.until
  WHERE NOT EXISTS (FROM spoken WHERE side = 'heard' AND spoken.window_id = rules.window_id AND spoken.until > rules.until AND contains(spoken.said, name))
),
-- Messages to one whose like is there, and of whom there is no trace.
letters AS MATERIALIZED (
  SELECT preorder, tool_name, _handoff_target('execute_tool', NULL, tool_name, arguments) AS target
  FROM calls
  WHERE contains(arguments, '"to"') OR contains(arguments, '"recipient"')
),
unheard AS (
  SELECT sent.preorder, sent.tool_name, sent.target
  FROM letters AS sent
  JOIN letters AS other ON other.tool_name = sent.tool_name AND other.target <> sent.target AND regexp_replace(other.target, '\d+', '0', 'g') = regexp_replace(sent.target, '\d+', '0', 'g')
  WHERE other.target IN (SELECT agent_name FROM spans) AND sent.target NOT IN (SELECT agent_name FROM spans WHERE agent_name IS NOT NULL) AND sent.target NOT IN (SELECT sender FROM agent_messages WHERE sender IS NOT NULL)
)
FROM removals
UNION ALL
SELECT preorder, format('{} {} {}, which is called wrong later.', tool_name, brought, value), 'brought the value that is wrong there', CASE task.said WHEN '' THEN 'possible' ELSE 'likely' END
FROM wrong
JOIN calls USING (preorder)
CROSS JOIN task
WHERE steps = 1
UNION ALL
SELECT * FROM (SELECT preorder, format('{} was given {}, where {} was meant.', tool_name, name, meant), 'took another for what is named there', 'likely' FROM meant ORDER BY preorder LIMIT 1)
UNION ALL
SELECT preorder, format('{} was the last to change {}, of which something complains later.', tool_name, file), 'had changed what is wrong there', 'possible'
FROM changed
UNION ALL
SELECT preorder, format('{} was asked for something without a word of: {}.', coalesce(any_value(to_agent), 'An agent'), array_to_string(list_sort(list(DISTINCT word)), ', ')), 'was asked without what counts there', 'possible'
FROM left_out
GROUP BY preorder
UNION ALL
SELECT preorder, format('{} answered with a summary that has lost: {}.', any_value(tool_name), min(rule)), 'had lost what counts there', 'possible'
FROM shortened
GROUP BY preorder
UNION ALL
SELECT preorder, format('The window had lost: {}.', rtrim(rule, '.')), 'had lost what counts there', 'likely'
FROM forgotten
WHERE preorder IS NOT NULL
UNION ALL
SELECT DISTINCT preorder, format('{} wrote to {}, of whom there is no trace.', tool_name, target), 'went to nobody', 'possible'
FROM unheard;
