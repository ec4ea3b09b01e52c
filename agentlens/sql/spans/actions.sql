-- Tool calls as actions: the same tool with the same arguments, but for the number of the attempt, one after the other.
-- include: spans.runs
-- include: flow.resources

-- Whether a tool only waits or looks whether something is ready, judged by its name or, for a shell, by its command.
CREATE MACRO _is_waiting(tool, arguments) AS
coalesce(regexp_matches(tool, 'sleep|status|progress|heartbeat|monitor|check_.*(build|job|run|deploy)|^(get|fetch|read|bash)_?(output|job|task|run)|^(TaskOutput|BashOutput)', 'i'), false)
OR coalesce(regexp_matches(_tool_words(tool), ' ((a?wait(for)?|poll|watch|ping|pause|listen|subscribe)(s|ing|er)?|dequeue|consume|receive (messages?|events?|jobs?|tasks?)) '), false)
OR coalesce(regexp_matches(left(arguments, 300), '\b(sleep|wait)\s+[0-9$]', 'i'), false);

-- Whether a short result says that something is not ready yet: whoever asks again is polling.
CREATE MACRO _is_pending(result) AS
strlen(result) < 240 AND regexp_matches(result,
  '\b(pending|queued|enqueued|running|in[ _-]?progress|processing|starting|scheduled|waiting|not (yet )?(ready|finished|complete|completed|done|available)|not (ready|done|finished) yet|still (working|building|going|running|open)|try again (later|in)|retry[ _-]after|come back later|no (new )?(messages?|events?|mail)( yet)?)\b', 'i');

-- Whether the arguments of a tool call may hold a credential: a key that is called so, a word before one, or 20 characters on end of letters and digits
-- mixed, as identifiers of other forms are not.
CREATE MACRO _may_hold_secret(arguments) AS
regexp_matches(arguments, '(?i)"[\w.-]*(passw\w*|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|authorization|auth|credentials?|cookie|pin)"\s*:'
  || '|(bearer|basic)\s+\S{8}|(passw\w*|secret|token|api[_-]?key)\s*[=:]\s*\S|--?(password|token|secret)\s|://[^/\s@]*:[^/\s@]*@|\b(sk|pk|rk|ghp|gho|xox[a-z]|glpat|hf)[-_]\w')
OR len(list_filter(regexp_extract_all(arguments, '[A-Za-z0-9+=_-]{20,}'), lambda word: regexp_matches(word, '\d') AND regexp_matches(word, '[A-Za-z]')
  AND NOT regexp_full_match(word, '[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}'))) > 0;

-- The texts and numbers among the arguments of a tool call, in their order, in one line; arguments that are no object, as they are.
CREATE MACRO _plainly(arguments) AS
trim(regexp_replace(CASE WHEN json_type(TRY_CAST(arguments AS JSON)) = 'OBJECT'
  THEN array_to_string(list_filter(json_extract_string(TRY_CAST(arguments AS JSON), '$.*'), lambda value: NOT regexp_matches(value, '^\s*([\[{]|$)')), ', ')
  ELSE arguments END, '\s+', ' ', 'g'));

-- What a tool call is about, in brackets for a sentence, behind the name of its tool: 60 characters of its arguments at most. Nothing where there are none,
-- where they are very long, or where one may be a credential.
CREATE MACRO _about(arguments) AS
CASE WHEN length(arguments) < 20000 AND NOT _may_hold_secret(arguments) AND regexp_matches(_plainly(arguments), '\w')
  THEN ' (' || _short(_plainly(arguments), 60) || ')' ELSE '' END;

-- The arguments of a tool call (JSON) without what only counts or names the attempt: `attempt: 2`, `retry_count: 1`, an idempotency key. What counts pages, places or lines
-- says what is asked for and stays, and so does the number of an attempt where a tool only reads: it may ask for the record of that attempt. A request's id stays
-- as well: it may be what the call is about. Most arguments hold none of these words, and are not searched further.
CREATE MACRO _without_attempt(tool, arguments) AS
CASE WHEN regexp_matches(arguments, '"\w*([aA]ttempt|ATTEMPT|[rR]etr|RETR|[iI]dempot|IDEMPOT|[nN]once|NONCE|[tT]r(y|ies))\w*"\s*:') THEN
  regexp_replace(
    CASE WHEN _resource_access(tool) IS NOT DISTINCT FROM 'read' THEN arguments
      ELSE regexp_replace(arguments, '(?i)"(attempts?|tr(y|ies))([_-]?(no|nr|num|number|count|counter|index))?"\s*:\s*"?\d{1,4}"?\s*,?', '', 'g') END,
    '(?i)"(retry|retries)([_-]?(no|nr|num|number|count|counter|attempt|index))?"\s*:\s*"?\d{1,4}"?\s*,?|"(idempotency[_-]?(key|token|id)|nonce|(attempt|retry)[_-]?(id|uuid))"\s*:\s*("[^"\\]*"|\d+)\s*,?', '', 'g')
  ELSE arguments END;

-- The arguments of a tool call in one spelling, whatever the order of keys and the blanks around them. For comparing, not for reading.
CREATE MACRO _same_arguments(arguments) AS
CASE WHEN starts_with(ltrim(arguments), '{')
  THEN array_to_string(list_sort(list_filter(list_transform(string_split(trim(replace(arguments, '": ', '":'), ' {}'), ','), lambda piece: trim(piece)), lambda piece: piece <> '')), ',')
  ELSE arguments END;

-- A result without how long it took, and without the number of the request that it answers: neither is news. Codex frames the output of a command with such readings;
-- searches answer with them beside their list, while of a measurement they may be all there is. For comparing, not for reading.
CREATE MACRO _without_clock(result) AS
CASE
  WHEN starts_with(result, '{"output"') OR starts_with(result, 'Exit code: ') OR starts_with(result, 'Wall time: ') OR starts_with(result, 'Chunk ID: ')
  THEN regexp_replace(regexp_replace(result, '"duration_seconds": ?[\d.]+', ''), '^((Exit code: -?\d+\s+)?)(Chunk ID: \S+\s+)?Wall time: [\d.]+ ?s\w*', '\1')
  WHEN starts_with(result, '{') AND strlen(result) < 20000 AND contains(result, '[')
    AND (contains(result, '"took') OR contains(result, '"request') OR contains(result, '"query_time') OR contains(result, '"search_time'))
  THEN regexp_replace(result, '"(took|query_time|search_time)(_?(ms|s|seconds|millis))?" ?: ?"?[\d.]+ ?(ms|s)?"?|"request_?[iI]d" ?: ?"[^"]*"', '', 'g')
  ELSE result
END;

-- Tool calls whose arguments are known, waiting left out, in the order of their run; equal neighbours share a `streak`. Only of
-- traces in which some call is made three times: in the others there is nothing to look for. Where a log has no times, the order of its records is that of the calls.
CREATE VIEW _actions (
  -- Trace of the call.
  trace_id,
  -- Span of the call.
  span_id,
  -- The agent that called.
  agent_name,
  -- The run, else the conversation, in which calls follow one another.
  run,
  -- `gen_ai.tool.name`.
  tool_name,
  -- Arguments in one spelling, without the number of the attempt.
  arguments,
  -- Result as logged, without how long the command took.
  result,
  -- When it began (UTC).
  start_time,
  -- When it ended (UTC).
  end_time,
  -- True where it failed.
  is_error,
  -- What the log says about the status.
  status_message,
  -- Place in tree order.
  preorder,
  -- Number of the call within the run.
  place,
  -- Number of the unbroken series of equal calls it belongs to, within the run.
  streak
) AS
WITH suspects AS MATERIALIZED (
  SELECT DISTINCT trace_id
  FROM (
    SELECT any_value(trace_id) AS trace_id
    FROM spans
    WHERE operation_name = 'execute_tool'
    GROUP BY hash(trace_id, tool_name, _without_attempt(tool_name, tool_call_arguments))
    HAVING count(*) >= 3
  )
),
-- As in `tool_calls`, a call logged inside itself stands once; asked again here, as a window over all calls would cost more.
suspected AS (
  SELECT *, status_code = 'ERROR' AND NOT is_control_flow AS is_error, _same_arguments(_without_attempt(tool_name, tool_call_arguments)) AS same_arguments
  FROM spans
  SEMI JOIN suspects USING (trace_id)
  WHERE operation_name = 'execute_tool' AND tool_name IS NOT NULL AND tool_call_arguments IS NOT NULL
  QUALIFY NOT coalesce(
    lead(preorder) OVER (PARTITION BY trace_id ORDER BY preorder) < subtree_end
    AND lead(tool_name) OVER (PARTITION BY trace_id ORDER BY preorder) = tool_name,
    false)
),
ordered AS (
  SELECT
    tool_calls.*, coalesce(run_preorder::VARCHAR, tool_calls.conversation_id, '') AS run,
    hash(tool_name, same_arguments) AS action,
    row_number() OVER in_run AS place,
    -- Calls that run side by side do not follow one another.
    coalesce(
      lag(hash(tool_name, same_arguments)) OVER in_run = hash(tool_name, same_arguments)
      AND coalesce(coalesce(lag(end_time) OVER in_run, start_time) <= start_time, true),
      false
    ) AS is_same
  FROM suspected AS tool_calls
  LEFT JOIN _runs_of_calls((SELECT list(trace_id) FROM suspects)) USING (preorder)
  WHERE NOT _is_waiting(tool_name, tool_call_arguments)
  WINDOW in_run AS (
    PARTITION BY trace_id, agent_name, coalesce(run_preorder::VARCHAR, tool_calls.conversation_id, '') ORDER BY start_time, preorder
  )
)
SELECT
  trace_id, span_id, agent_name, run, tool_name, same_arguments, _without_clock(tool_call_result), start_time, end_time, is_error,
  status_message, preorder, place,
  count(*) FILTER (NOT is_same) OVER (PARTITION BY trace_id, agent_name, run ORDER BY start_time, preorder)
FROM ordered;
