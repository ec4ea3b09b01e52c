-- What really failed: the innermost failures, each with its class.
-- include: spans.kinds

-- Whether type or message of a failure matches a pattern, case aside.
CREATE MACRO _failure_matches(error_type, message, pattern) AS
regexp_matches(concat_ws(' ', error_type, left(message, 2000)), pattern, 'i');

-- Whether a failure names a status code: as its type, at its beginning, or after `status`, `code`, `error` or `http`.
CREATE MACRO _failure_has_code(error_type, message, code) AS
regexp_matches(concat_ws(' ', error_type, left(message, 2000)), '(^|http|status|code|error)\W{0,5}' || code || '\b', 'i');

-- Class of a failure by its type and message: rate limit, time-out, unavailable, authentication, permission, not found,
-- context overflow, malformed output, guardrail or refusal, tool bug, else unknown. Arguments: error type, message, operation name.
CREATE MACRO error_class(error_type, message, operation) AS
CASE
  -- Providers throttle tokens too (`ThrottlingException: Too many tokens, please wait`); that the prompt is too long is another matter.
  WHEN _failure_matches(error_type, message, 'throttl|please wait before trying|tokens per (min|day|hour)') THEN 'rate limit'
  WHEN _failure_matches(error_type, message, 'context[ _-]?(length|window|size)\W{0,5}\w{0,12}\W{0,5}exceed|max(imum)? (context|prompt) (length|window|size)|maximum context|(prompt|input|conversation) (is )?too long|too many (input )?tokens|exceed\w* (the |your )?((maximum|max|available|allowed|model.s) ){0,2}(context|prompt)[ _-]?(length|window|size|limit)|reduce the length of the (messages|prompt|input)|ran out of (room|space) in the (model.s )?context|exceeds? the (model.s )?(maximum )?(number of )?(input )?(context|token)') THEN 'context overflow'
  WHEN _failure_matches(error_type, message, 'rate[ _-]?limit|too[ _-]?many[ _-]?requests|quota|throttl|resource[ _]?exhausted') OR _failure_has_code(error_type, message, '429') THEN 'rate limit'
  WHEN _failure_matches(error_type, message, 'guardrail|content[ _-]?(filter|policy|management)|\brefusal\b|refused to (answer|comply|assist)|safety (system|filter|setting|policy)|moderation') THEN 'guardrail or refusal'
  WHEN _failure_matches(error_type, message, 'unauthori[sz]ed|unauthenticated|authenticat|invalid[ _-]?(x-)?(api[ _-]?key|token|credential)|(token|credential|api key|session)s? (has |have |is |are )?expired|expired[ _-]?(token|credential)|not logged in') OR _failure_has_code(error_type, message, '401') THEN 'authentication'
  WHEN _failure_matches(error_type, message, 'forbidden|permission|access[ _]?(is )?denied|not permitted|not allowed|eacces|insufficient (scope|privilege)') OR _failure_has_code(error_type, message, '403') THEN 'permission'
  WHEN _failure_matches(error_type, message, 'time[ds]?[ _-]?out|deadline[ _-]?exceeded|etimedout') OR _failure_has_code(error_type, message, '(408|504)') THEN 'time-out'
  WHEN _failure_matches(error_type, message, 'unavailable|overloaded|connection[ _]?(refused|reset|error|aborted|closed)|apiconnection|econnre|\benotfound|name resolution|network (is )?(error|unreachable)|internal server error|bad gateway') OR _failure_has_code(error_type, message, '(500|502|503|529)') THEN 'unavailable'
  WHEN _failure_matches(error_type, message, 'not[ _-]?found|no such (file|directory|table|column|key|module)|enoent|does ?n[o.]t exist|unknown (tool|function|command)') OR _failure_has_code(error_type, message, '404') THEN 'not found'
  WHEN error_type = 'parsing' OR _failure_matches(error_type, message, 'json ?decode|invalid json|malformed|unpars|(failed|unable) to parse|(could|can) ?n[o''.]t (be )?parse|pars(e|ing)[ _-]?error|error parsing|unicode[ _-]?decode|schema|validation|expecting value|unexpected (token|end of)|output ?parser') THEN 'malformed output'
  WHEN _span_kind(operation) <> 'model' AND _failure_matches(error_type, message, '(type|key|value|attribute|index|name|zerodivision|assertion|runtime|unboundlocal|recursion|import|syntax|notimplemented|overflow|arithmetic|lookup|io|os)error|exception|traceback|panic|segmentation|exit code [1-9]|exited with|command failed') THEN 'tool bug'
  ELSE 'unknown'
END;

-- A shell command, as logged in its arguments, without what stands in quotes.
CREATE MACRO _shell_words(arguments) AS
regexp_replace(coalesce(TRY_CAST(arguments AS JSON)->>'$.command', TRY_CAST(arguments AS JSON)->>'$.cmd'), '"(\\.|[^"\\])*"|''[^'']*''', '_', 'g');

-- Whether a shell command only found nothing, or a difference: its last part is a search or a comparison, which say so by exit code 1, and nothing was said, or no
-- more than that code; a comparison also shows what differs. Arguments: the tool, its arguments as logged, and what the log says of the end.
CREATE MACRO _found_nothing(tool, arguments, said) AS
coalesce(regexp_matches(tool, 'bash|shell|exec|terminal|command|run', 'i')
  AND CASE
    WHEN regexp_full_match(said, '(?is)\s*(\(no output\)\s*)?(\w+\([''"])?(error: *)?((command|process) )?(exited with|failed with|exit)?( ?(exit )?code)?[ :]*1\.?([''"]\)(\s*traceback.*)?)?\s*|\s*')
    THEN regexp_matches(_shell_words(arguments), '(^|[|;&(]\s*|\s)(git (grep|diff)|e?f?grep|rg|ag|ack|pgrep|diff|cmp|test|\[|which)\s[^|;&]*$')
    WHEN regexp_matches(left(said, 200), '(?i)\b(exit(ed)?|code|status)\W{1,3}((with|code|status)\W{1,3}){0,2}1\b')
    THEN regexp_matches(_shell_words(arguments), '(^|[|;&(]\s*|\s)(git diff|diff|cmp)\s[^|;&]*$')
  END, false);

-- Whether a text is the page by which a server says that it has nothing to give: its title or its first words are a status code of failure and its name.
CREATE MACRO _is_error_page(said) AS
regexp_matches(left(said, 600), '(?i)<(title|h1)>\s*(error\s+)?[45]\d\d\b[^<]{0,60}</|^\W{0,3}(http(/[\d.]+)?\s+)?(error\s+)?[45]\d\d\s+(bad gateway|service unavailable|internal server error|gateway time-?out|not found|forbidden|unauthorized|too many requests|bad request)\b');

-- Whether a text begins with the words of a failure: `Error: ...`, `Access denied.`, `Error 1020`, or is the page of one.
CREATE MACRO _begins_with_failure(said) AS
_is_error_page(said)
OR regexp_matches(left(said, 200), '(?i)^\W{0,3}(fatal|([a-z]+)?(error|exception)|access denied|permission denied|unauthori[sz]ed|forbidden|request failed|connection (refused|reset|timed out)|traceback \(most recent call last\)|fehler|zugriff verweigert|erreur|accès refusé|error al \w+|acceso denegado|errore|accesso negato|erro|acesso negado)\s*([:.!(]|\d|$)')
AND NOT regexp_matches(left(said, 40), '(?i)^\W{0,3}\w+\s*[:=]\s*(null|none|no|0|false|\[\]|\{\}|"")\W');

-- Whether a warning says that something else was taken for what could not be had: `could not parse, default 0 used`.
CREATE MACRO _took_another(warning) AS
coalesce(regexp_matches(left(warning, 300), '(?i)\b(could ?n.t|could not|cannot|can.t|unable|fail(ed|ure|s)|invalid|unparse?able|missing|unreadable)\b.{0,120}\b(default|fall(ing|s)? ?back|fallback|instead|assum(ed|ing|es)|substitut\w+|placeholder|treated as|set to|read as)\b'), false);

-- Whether the answer of a call says that it failed, though nothing may mark it so: it begins with the words of a failure, or is an object that denies its
-- success (`"ok": false`), or has an `error` (or a `parse_error`, an `error_message`) or a warning that it took something else for what it could not have, and does not claim success.
CREATE MACRO _answers_with_failure(said) AS
CASE
  WHEN NOT starts_with(ltrim(left(said, 20)), '{') THEN strlen(said) < 4000 AND _begins_with_failure(said)
  WHEN strlen(said) < 4000 AND regexp_matches(said, '"(([a-z]+_)?error(_?([mM]essage|description))?|warning)"\s*:\s*("\s*[^"\s]|\{\s*")') AND json_valid(said)
    THEN CASE WHEN contains(said, 'rror') THEN NOT regexp_full_match(coalesce(said->>'$.error', said->>regexp_extract(said, '"([a-z]+_error|error_?(?:[mM]essage|description))"\s*:', 1)), '(?i)\s*(none|null|ok|no errors?|success)?\.?\s*') ELSE _took_another(said->>'$.warning') END
      AND coalesce(said->>'$.ok', said->>'$.success', 'false') IN ('false', '0')
  ELSE false
END;

-- Whether a person declined or stopped a step: nothing failed there, whatever the log calls it.
CREATE MACRO _was_declined(error_type, message) AS
_failure_matches(error_type, left(message, 300), '(rejected|denied|declined|cancell?ed|aborted|interrupted|stopped) by (the )?(user|human|operator)|\buser (has )?(rejected|denied|declined|cancell?ed|aborted|interrupted) |\buser doesn.t want to ');

-- The message of a failure without what programs put in front: the name of its type (`ReadTimeout: no answer`), a tag, a key.
CREATE MACRO _without_error_type(message) AS
coalesce(nullif(regexp_extract(message, '^(?:<\w+>|\{"\w+": ?")?(?:[A-Z][\w.]+: +)?(.{8,}?)(?:</\w+>)?$', 1, 's'), ''), message);

-- Every failure once: the errored spans with no errored span below them. Errors are copied upwards by many frameworks, so
-- counting errored spans counts one failure many times. Handoffs, interrupts and the like (`is_control_flow`) are no failures, nor is a search
-- in a shell that found nothing (`grep` ends with exit code 1), nor what a person declined or stopped.
CREATE VIEW errors (
  -- Trace of the span.
  trace_id,
  -- The span that failed.
  span_id,
  -- The agent that did it.
  agent_name,
  -- `agent`, `model`, `tool`, `retrieval`, `workflow` or `step`.
  kind,
  -- Name as logged.
  name,
  -- `gen_ai.operation.name`.
  operation_name,
  -- The tool that failed, or the failed tool call it stands in.
  tool_name,
  -- The model that was asked.
  model,
  -- When it began (UTC).
  start_time,
  -- When it ended (UTC).
  end_time,
  -- rate limit, time-out, unavailable, authentication, permission, not found, context overflow, malformed output, guardrail or
  -- refusal, tool bug, unknown.
  error_class,
  -- `error.type`, else the type of the recorded exception.
  error_type,
  -- What the log says about it: the status message, else the recorded exception, else the beginning of the tool's
  -- result, else what the failed span around it says.
  message,
  -- Number of ancestors.
  depth,
  -- Place in tree order.
  preorder,
  -- The source it stands in.
  source_id,
  -- Line of the record.
  source_line,
  -- Byte offset of the record.
  source_offset,
  -- Length of the record in bytes.
  source_length
) AS
WITH leaves AS (
  SELECT
    preorder,
    -- The failed span before this one in tree order, where it stands above: it often has the words that the leaf lacks.
    CASE WHEN lag(subtree_end) OVER failed > preorder THEN lag(status_message) OVER failed END AS message_above,
    CASE WHEN lag(subtree_end) OVER failed > preorder THEN lag(tool_name) OVER failed END AS tool_above
  FROM spans
  WHERE status_code = 'ERROR' AND NOT is_control_flow
  WINDOW failed AS (ORDER BY preorder)
  QUALIFY coalesce(lead(preorder) OVER failed >= subtree_end, true)
),
exceptions AS (
  SELECT trace_id, span_id, arg_max(attributes->>'$."exception.message"', event_index) AS exception_message
  FROM span_events
  WHERE name = 'exception'
  GROUP BY trace_id, span_id
),
-- Results are long, and are read only where the log has no other words.
results AS (
  SELECT preorder, left(tool_call_result, 1000) AS result
  FROM spans
  WHERE status_code = 'ERROR' AND (status_message IS NULL OR status_message = '')
),
told AS (
  SELECT
    spans.*, tool_above,
    coalesce(nullif(status_message, ''), exception_message, result, message_above) AS message
  FROM leaves
  JOIN spans USING (preorder)
  LEFT JOIN results USING (preorder)
  LEFT JOIN exceptions USING (trace_id, span_id)
)
SELECT
  trace_id, span_id, agent_name, _span_kind(operation_name), name, operation_name, coalesce(tool_name, tool_above),
  coalesce(response_model, request_model), start_time, end_time, error_class(error_type, message, operation_name), error_type,
  message, depth, preorder, source_id, source_line, source_offset, source_length
FROM told
WHERE NOT _found_nothing(tool_name, tool_call_arguments, message) AND NOT _was_declined(error_type, message);
