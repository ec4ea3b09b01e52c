-- What was tried after each failure.
-- include: spans.runs
-- include: spans.actions
-- include: flow.resources
-- include: messages.texts
-- include: agents.handoffs
-- include: spans.errors
-- include: recovery.shell_acts
-- include: recovery.told

-- The distinct words of what a call was given: of the values where they are a JSON object, of the text else. Of a path or an address only its
-- last part counts: two files of one folder are two matters.
CREATE MACRO _given_words(arguments) AS
list_filter(
  _distinct_words(regexp_replace(CASE
    WHEN starts_with(ltrim(left(arguments, 20)), '{') AND json_valid(arguments) AND json_type(arguments) = 'OBJECT'
      THEN left(array_to_string(json_extract_string(arguments, '$.*'), ' '), 2000)
    ELSE left(arguments, 2000)
  END, '(?:[\w.:~@-]*/)+([\w.@-]+)', '\1', 'g')),
  lambda word: length(word) >= 2
);

-- The words and numbers with a digit in what a call was given: what tells one item from another. How many, how long and which page of it tells nothing.
CREATE MACRO _given_items(arguments) AS
list_filter(CASE
  WHEN starts_with(ltrim(left(arguments, 20)), '{') AND json_valid(arguments) AND json_type(arguments) = 'OBJECT'
    THEN _distinct_words(array_to_string(list_transform(list_filter(list_zip(json_keys(arguments), json_extract_string(arguments, '$.*')),
      lambda given: NOT regexp_matches(given[1], 'limit|size|count|timeout|page|offset|max|min|retr|attempt|depth|number|top|seconds|strict|start|end$', 'i')), lambda given: left(given[2], 2000)), ' '))
  ELSE _distinct_words(left(arguments, 2000))
END, lambda word: regexp_matches(word, '\d'));

-- Whether two calls name different items: each has words with a digit that the other lacks.
CREATE MACRO _are_of_other_items(a, b) AS
len(list_filter(_given_items(a), lambda item: NOT list_contains(_given_items(b), item))) > 0
AND len(list_filter(_given_items(b), lambda item: NOT list_contains(_given_items(a), item))) > 0;

-- What a call was given, by key, where it is a JSON object.
CREATE MACRO _given_parts(arguments) AS TRY_CAST(TRY_CAST(arguments AS JSON) AS MAP(VARCHAR, JSON));

-- The keys whose values differ between what two calls were given (maps with the same keys); NULL where the keys differ.
CREATE MACRO _differing_keys(a, b) AS
CASE WHEN list_sort(map_keys(a)) = list_sort(map_keys(b)) THEN list_filter(map_keys(a), lambda key: a[key] IS DISTINCT FROM b[key]) END;

-- Whether the third of three calls (maps of what they were given) shows that the first two go through a list of items: all differ in one and the same value, which
-- is a name (of three words at most), and the third is as near to the first as the second is.
CREATE MACRO _go_through_a_list(first, second, third) AS
coalesce(len(list_filter(
  list_transform(_differing_keys(first, second), lambda key: [_distinct_words(first[key]), _distinct_words(second[key]), _distinct_words(third[key])]),
  lambda words: len(words[2]) BETWEEN 1 AND 3 AND _word_overlap(words[1], words[3]) >= _word_overlap(words[1], words[2]))) = 1
  AND len(_differing_keys(first, second)) = 1 AND _differing_keys(first, second) = _differing_keys(first, third), false);

-- Whether most of the words of a call stand in a longer one, at least two of them.
CREATE MACRO _is_passed_on(words, to_words) AS len(list_intersect(words, to_words)) >= 2 AND 2 * len(list_intersect(words, to_words)) > len(words);

-- Whether a failure says that the call was made in a way in which it cannot be made: the next call of the same program is its correction.
CREATE MACRO _is_misuse(message) AS
coalesce(regexp_matches(left(message, 600), '(?i)\busage:|\b(unknown|unrecognized|unrecognised|invalid|illegal|unsupported|unexpected) (option|flag|argument|choice|command|target|parameter|subcommand|keyword)|no rule to make target|\b(missing|requires?|needs?|expects?|expected)( an?| at least)?( \w+)? (required )?(arguments?|operands?|parameters?|option|value|path|file ?name|pattern)\b|\b(needs?|requires?) an? \w+\W*$'), false);

-- Calls and runs in traces where something failed, in the order of the run they stand in: trace, span, agent;
-- kind (tool, model, agent, retrieval) and target (the tool, model or agent); arguments; acts (what a shell line does); is_error (handoffs and interrupts are no failures; what only its answer tells of is one); is_waiting (it
-- only waits or looks whether something is ready); is_open (the log has no end of it and no result);
-- start and end; lane (the steps that it is one of), place in it from 1; preorder; asked (place of what a person said that it follows, where the log has turns).
CREATE MACRO _steps_near_failures() AS TABLE
WITH told AS MATERIALIZED (FROM _failures_told),
failing AS MATERIALIZED (
  SELECT trace_id FROM spans WHERE status_code = 'ERROR' AND NOT is_control_flow
  UNION
  SELECT trace_id FROM told
),
steps AS (
  SELECT
    *, _span_kind(operation_name) AS kind,
    CASE _span_kind(operation_name)
      WHEN 'tool' THEN tool_name
      WHEN 'model' THEN coalesce(response_model, request_model, '')
      WHEN 'agent' THEN agent_name
      ELSE name
    END AS target
  FROM spans
  SEMI JOIN failing USING (trace_id)
  WHERE operation_name IN ('execute_tool', 'chat', 'generate_content', 'text_completion', 'invoke_agent', 'retrieval') AND start_time IS NOT NULL
),
laned AS (
  SELECT
    steps.*,
    -- Runs follow one another where the same agent is asked again in the same trace, at the same depth.
    CASE kind
      WHEN 'agent' THEN concat_ws(' ', trace_id, 'agent', depth, agent_name)
      ELSE concat_ws(' ', trace_id, kind, coalesce(run_preorder::VARCHAR, coalesce(conversation_id, '') || ' ' || coalesce(agent_name, '')))
    END AS lane
  FROM steps
  LEFT JOIN _runs_of_calls((SELECT list(trace_id) FROM failing)) USING (preorder)
)
SELECT
  trace_id, span_id, agent_name, kind, target, tool_call_arguments AS arguments,
  CASE WHEN kind = 'tool' THEN _shell_acts(_shell_command(tool_name, tool_call_arguments, TRY_CAST(tool_call_arguments AS JSON))) END AS acts, (status_code = 'ERROR' AND NOT is_control_flow) OR preorder IN (SELECT preorder FROM told) AS is_error,
  kind = 'tool' AND _is_waiting(tool_name, tool_call_arguments) AS is_waiting, end_time IS NULL AND tool_call_result IS NULL AS is_open,
  -- What it looked for was not there.
  CASE WHEN kind = 'tool' AND status_code = 'ERROR' THEN error_class(NULL, coalesce(status_message, tool_call_result), operation_name) = 'not found' AND _resource_access(tool_name) IS NOT DISTINCT FROM 'read' END AS is_missing,
  -- It was kept from what it was to work on.
  CASE WHEN kind = 'tool' AND status_code = 'ERROR' THEN error_class(NULL, coalesce(status_message, tool_call_result), operation_name) IN ('permission', 'authentication') END AS is_denied,
  -- It was called in a way in which it cannot be called.
  CASE WHEN kind = 'tool' AND status_code = 'ERROR' THEN _is_misuse(coalesce(status_message, tool_call_result)) END AS is_misuse,
  start_time, end_time, lane,
  row_number() OVER (PARTITION BY lane ORDER BY start_time, preorder) AS place, preorder, asked
FROM laned
-- Sessions of coding agents have a span for what each word of their user set going.
ASOF LEFT JOIN (
  SELECT trace_id AS asked_in, preorder AS asked FROM spans WHERE depth = 1 AND operation_name IS NULL AND regexp_full_match(name, 'turn \d+')
) ON asked_in = trace_id AND asked <= preorder;

-- The rows of `recovery_attempts`. Argument: the name of a relation with the rows of `_steps_near_failures`.
CREATE MACRO _recovery_attempts_among(steps_near_failures) AS TABLE
WITH steps AS MATERIALIZED (SELECT *, _given_words(arguments) AS words FROM query_table(steps_near_failures)),
-- The same action, or the same shell line but for flags, is a second attempt however much later in the run it comes.
again AS (
  SELECT
    preorder, lead(place) OVER (PARTITION BY lane, target, hash(arguments) ORDER BY place) AS place_of_same,
    CASE WHEN len(acts) > 0 THEN lead(place) OVER (PARTITION BY lane, target, acts ORDER BY place) END AS place_of_alike
  FROM steps
  WHERE kind = 'tool'
),
pairs AS (
  SELECT failed.*, near.next_place, near.next_place - place AS near
  FROM (FROM steps WHERE is_error) AS failed
  LEFT JOIN again USING (preorder),
  (SELECT unnest(list_distinct(list_concat(range(place + 1, place + 21), [place_of_same, place_of_alike]))) AS next_place) AS near
),
compared AS (
  SELECT
    pairs.trace_id, pairs.span_id AS failed_span_id, next.span_id, pairs.agent_name, pairs.kind, pairs.target, next.target AS next_target,
    CASE
      WHEN pairs.kind = 'agent' THEN 'rerun'
      WHEN pairs.kind = 'model' THEN CASE WHEN next.target = pairs.target OR '' IN (next.target, pairs.target) THEN 'retry' ELSE 'fallback' END
      WHEN next.is_waiting AND NOT pairs.is_waiting THEN NULL
      WHEN next.target = pairs.target AND next.arguments IS NOT DISTINCT FROM pairs.arguments
        THEN CASE WHEN near = 1 THEN 'retry' ELSE 'repair' END
      WHEN pairs.is_missing AND _resource_access(next.target) IS NOT DISTINCT FROM 'write' AND _resource_named(TRY_CAST(pairs.arguments AS JSON)) = _resource_named(TRY_CAST(next.arguments AS JSON)) THEN 'repair'
      WHEN _does_again(pairs.acts, next.acts) THEN CASE WHEN NOT coalesce(pairs.is_denied, false) OR list_has_all(flatten(next.acts), flatten(pairs.acts)) THEN 'rephrase' END
      WHEN next.target = pairs.target AND near <= 3 AND pairs.is_misuse AND coalesce(pairs.acts[1][1] = next.acts[1][1], len(coalesce(pairs.acts, [])) = 0) THEN 'rephrase'
      WHEN _asks_a_person(next.target) AND NOT _asks_a_person(pairs.target)
        THEN CASE WHEN near <= 2 OR _is_passed_on(pairs.words, next.words) THEN 'escalate' END
      WHEN _is_handoff_tool(next.target) AND _is_handoff_tool(pairs.target) AND next.target <> pairs.target
        THEN CASE WHEN list_has_all(next.words, pairs.words) THEN 'delegate' END
      WHEN _is_handoff_tool(next.target) AND next.target <> pairs.target AND _is_passed_on(pairs.words, next.words) THEN 'delegate'
      WHEN next.target = pairs.target AND len(coalesce(pairs.acts, [])) = 0 AND len(pairs.words) > 0 AND list_has_all(next.words, pairs.words) THEN 'rephrase'
      WHEN _word_overlap(pairs.words, next.words) > 0.5 AND NOT _are_of_other_items(pairs.arguments, next.arguments)
        AND (NOT coalesce(pairs.is_denied, false) OR list_has_all(next.words, pairs.words)) THEN CASE
        WHEN next.target = pairs.target THEN 'rephrase'
        WHEN _resource_access(pairs.target) IS NOT DISTINCT FROM 'read' AND _resource_access(next.target) IS NOT DISTINCT FROM 'write' THEN NULL
        ELSE 'fallback'
      END
    END AS strategy,
    NOT next.is_error AND NOT (next.is_open AND pairs.end_time IS NOT NULL) AS is_success,
    epoch_ns(next.start_time) - epoch_ns(coalesce(pairs.end_time, pairs.start_time)) AS pause_ns,
    coalesce(pairs.end_time, pairs.start_time) AS failed_time, next.start_time, next.end_time,
    pairs.preorder AS failed_preorder, next.preorder, next.asked IS DISTINCT FROM pairs.asked AS is_after_person, near, pairs.lane, pairs.place, pairs.arguments,
    next.arguments AS next_arguments
  FROM pairs
  JOIN steps AS next ON next.lane = pairs.lane AND next.place = pairs.next_place
  WHERE next.start_time >= coalesce(pairs.end_time, pairs.start_time)
),
-- The next item of a list, of which others were asked for as well, is no other way to the one that failed.
listed AS (
  SELECT DISTINCT failed_preorder, compared.preorder
  FROM (FROM compared WHERE strategy = 'rephrase' AND is_success) AS compared
  JOIN (FROM steps WHERE NOT is_error) AS other ON other.lane = compared.lane AND other.target = compared.target AND other.place BETWEEN compared.place - 20 AND compared.place + 20
  WHERE other.preorder NOT IN (failed_preorder, compared.preorder) AND other.arguments <> next_arguments AND _go_through_a_list(_given_parts(compared.arguments), _given_parts(next_arguments), _given_parts(other.arguments))
)
SELECT * EXCLUDE (near, lane, place, arguments, next_arguments)
FROM compared
ANTI JOIN listed USING (failed_preorder, preorder)
WHERE strategy IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY failed_preorder ORDER BY near) = 1;

-- For every failed call or run, the next thing that was tried for the same end: the same action anywhere later in its run, anything else within the 20
-- steps after it.
--
-- What counts as tried for the same end: the same action again with nothing in between (`retry`) or after other work (`repair`); the same
-- tool with arguments that have most words in common or hold all of the first, the next call of a program that had been called wrongly, or a shell line with the same commands on the same things in another form (`rephrase`); another tool that is given most of the same words, or another model
-- (`fallback`); a tool made for handing over that is given most of the same words (`delegate`); a question to a person that holds most of them, or comes
-- right after (`escalate`); another run of the same agent (`rerun`). Calls that name another item, by a number or an id, or by a name where others of
-- a list were asked for in the same way, are of another matter. What writes is no other way of reading, unless it makes the very thing that was not
-- there (`repair`). Steps that began before the failure ended were not tried because of it; one that the log leaves without an end did not work.
CREATE VIEW recovery_attempts (
  -- Trace of both.
  trace_id,
  -- The span that failed.
  failed_span_id,
  -- The span that was tried next.
  span_id,
  -- The agent.
  agent_name,
  -- `tool`, `model`, `agent` or `retrieval`.
  kind,
  -- The tool, model or agent that failed.
  target,
  -- The one that was tried.
  next_target,
  -- retry, repair, rephrase, fallback, delegate, escalate or rerun.
  strategy,
  -- True where what was tried ended and did not fail.
  is_success,
  -- From the end of the failure to the begin of the attempt, in nanoseconds.
  pause_ns,
  -- When the failure ended (UTC).
  failed_time,
  -- When the attempt began (UTC).
  start_time,
  -- When the attempt ended (UTC); NULL when unfinished.
  end_time,
  -- Place of the failed span in tree order.
  failed_preorder,
  -- Place of the attempt in tree order.
  preorder,
  -- True where a person spoke in between (in logs that tell the turns of a session apart).
  is_after_person
) AS
WITH around AS MATERIALIZED (FROM _steps_near_failures())
FROM _recovery_attempts_among('around');
