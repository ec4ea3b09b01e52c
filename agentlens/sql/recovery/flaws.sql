-- Calls that did what they were asked, and with which something went wrong all the same.
-- include: spans.actions
-- include: agents.handoffs
-- include: messages.texts
-- include: detectors.evidence
-- include: recovery.told
-- include: recovery.attempts
-- include: recovery.shell_acts
-- include: recovery.passed_on

-- How a count of a part is written: `showing rows 1-100 of 900`, `first 100 of 900`, `page 1 of 9`.
CREATE MACRO _part_count() AS
'(?i)\b(?:showing|displaying|returned|listed|listing|first|pages?|rows?|lines?|results?|records?|items?|entries|bytes|characters)[^\d\n]{0,20}(?:\d[\d,]*\s*(?:-|–|to|\.\.)\s*)?(\d[\d,]*)(?:\s+\w+)?\s+(?:of|out of)\s+(?:about |total )?(\d[\d,]*)';

-- The words by which an answer says that it is only a part of what there is: a mark of what was cut off, a key that says that there is more, or a count of which it
-- reaches less than the whole; NULL where it says no such thing. Looked for where answers say so: at their begin and end.
CREATE MACRO _part_mark(said) AS
coalesce(
  nullif(regexp_extract(said, '(?i)[\[(<]\s*[^\[\]()<>\n]{0,60}\b(truncated|omitted|clipped|cut off)\b[^\[\]()<>\n]{0,60}[\])>]|(\.{3}|…)\s*(\w+ )?(truncated|omitted)\b'), ''),
  nullif(regexp_extract(said, '(?i)"?\b(has_?more|(is_?)?truncated|incomplete(_results)?|more_?available)"?\s*[:=]\s*"?(true|yes)\b|"(next_?(page|cursor|token|page_?token|offset|link)|continuation(_?token)?)"\s*:\s*("[^"]+"|[1-9]\d*)'), ''),
  CASE WHEN TRY_CAST(replace(regexp_extract(said, _part_count(), 1), ',', '') AS BIGINT) < TRY_CAST(replace(regexp_extract(said, _part_count(), 2), ',', '') AS BIGINT) THEN regexp_extract(said, _part_count()) END);

-- Whether an answer refuses what was asked.
CREATE MACRO _refuses(said) AS
coalesce(regexp_matches(left(said, 600), '(?i)"(approved|granted|allowed|authori[sz]ed|confirmed|permitted)"\s*:\s*(false|"no")|"(decision|status|verdict|answer|response|outcome|result|state)"\s*:\s*"(not[ _]approved|den(y|ied)|reject(ed)?|declined?|refused?|no)\b|^\W*(no\b|den(y|ied)|reject(ed)?|declined|refused|abgelehnt|verweigert|refus|rechazad|denegad|negat|rifiutat|recusad|negad)|\b(was|is|has been|been|request|approval|permission)\s(denied|rejected|declined|refused|not (approved|granted|allowed))\b')
  AND NOT regexp_matches(left(said, 600), '(?i)"(approved|granted|allowed|authori[sz]ed|confirmed)"\s*:\s*(true|"yes")'), false);

-- What a call does: the words of its tool's name; of a shell, the programs and their verbs.
CREATE MACRO _deed(tool, arguments) AS
concat_ws(' ', _tool_words(tool), array_to_string(flatten(list_transform(_shell_acts(_shell_command(tool, arguments, TRY_CAST(arguments AS JSON))), lambda act: act[:2])), ' '));

-- Whether doing the same again with a tool does it twice in the world: money is moved, something is ordered, sent or handed in.
CREATE MACRO _counts_twice(tool) AS
regexp_matches(_tool_words(tool), ' (charge|pay|payment|payout|refund|wire|transfer|order|buy|purchase|book|booking|reserve|reservation|send|submit|ship|shipment|bill|debit|credit|withdraw|deposit|issue) ')
AND _resource_access(tool) IS DISTINCT FROM 'read' AND NOT _is_handoff_tool(tool) AND NOT regexp_matches(_tool_words(tool), ' (get|list|find|search|check|show|status|cancel|void|verify|look|lookup|validate|quote|estimate) ');

-- Answers that are only a part, of which nobody asked for the rest.
CREATE VIEW _parts_taken_for_all (
  -- Place of the call in tree order.
  preorder,
  -- Its trace.
  trace_id,
  -- How the answer says that it is a part.
  mark
) AS
WITH parts AS MATERIALIZED (
  SELECT preorder, trace_id, agent_name, tool_name, tool_call_arguments AS arguments, _given_words(tool_call_arguments) AS words, _resource_named(TRY_CAST(tool_call_arguments AS JSON)) AS resource, mark
  FROM (
    SELECT *, _part_mark(CASE WHEN strlen(tool_call_result) > 1000 THEN left(tool_call_result, 500) || chr(10) || right(tool_call_result, 500) ELSE tool_call_result END) AS mark
    FROM spans
    WHERE operation_name = 'execute_tool' AND status_code <> 'ERROR' AND subtree_end = preorder + 1 AND strlen(tool_call_result) >= 60
  )
  WHERE mark IS NOT NULL AND _resource_access(tool_name) IS DISTINCT FROM 'write'
)
SELECT preorder, trace_id, mark
FROM parts
WHERE preorder NOT IN (
  SELECT parts.preorder
  FROM parts
  JOIN (SELECT preorder, trace_id, tool_name, tool_call_arguments FROM spans SEMI JOIN parts USING (trace_id) WHERE operation_name = 'execute_tool' AND status_code <> 'ERROR') AS later
    ON later.trace_id = parts.trace_id AND later.preorder > parts.preorder
  WHERE (later.tool_name = parts.tool_name AND (len(words) = 0 OR len(list_intersect(words, _given_words(later.tool_call_arguments))) > 0))
    OR contains(later.tool_call_arguments, resource)
);

-- Whether both texts have numbers, and none in common.
CREATE MACRO _of_other_numbers(one, other) AS
coalesce(len(regexp_extract_all(one, '\d+')) > 0 AND len(regexp_extract_all(other, '\d+')) > 0 AND NOT list_has_any(regexp_extract_all(one, '\d+'), regexp_extract_all(other, '\d+')), false);

-- Whether what was asked names a tool: a name of several words anywhere, a name of one word as a value of its own.
CREATE MACRO _names_tool(asked, tool) AS
CASE WHEN regexp_matches(tool, '[_ -]') THEN regexp_matches(replace(lower(asked), '_', ' '), '(^|[^\pL\d])' || regexp_escape(replace(lower(tool), '_', ' ')) || '($|[^\pL\d])')
  ELSE contains(lower(asked), '"' || lower(tool) || '"') END;

-- Requests for leave that were refused, and the first thing that was done all the same: it is of the matter of the request, and nobody gave leave in between.
CREATE VIEW _refusals_passed_over (
  -- Place of the request in tree order.
  preorder,
  -- Its trace.
  trace_id,
  -- The agent that asked.
  agent_name,
  -- The tool it asked with.
  tool_name,
  -- What was answered.
  answer,
  -- The tool with which it was done.
  done_with,
  -- Place of the first call of a tool that the request names, in tree order; NULL where what was done only is of the same matter.
  named_preorder
) AS
WITH asked AS MATERIALIZED (
  SELECT preorder, trace_id, agent_name, tool_name, coalesce(tool_call_result, status_message) AS answer, _refuses(coalesce(tool_call_result, status_message)) AS is_refused, tool_call_arguments AS request, _matter_stems(tool_call_arguments) AS matter,
    coalesce(end_time, start_time) AS answered
  FROM spans
  WHERE operation_name = 'execute_tool' AND _asks_for_leave(tool_name)
),
done AS (
  SELECT asked.*, later.preorder AS done, later.tool_name AS done_with, _names_tool(request, later.tool_name) AS is_named, _matter_stems(_deed(later.tool_name, later.arguments)) AS deed, _matter_stems(concat_ws(' ', _deed(later.tool_name, later.arguments), later.arguments)) AS later_matter
  FROM (FROM asked WHERE is_refused) AS asked
  JOIN (
    SELECT preorder, trace_id, tool_name, tool_call_arguments AS arguments, start_time
    FROM spans
    WHERE operation_name = 'execute_tool' AND status_code <> 'ERROR' AND NOT _asks_for_leave(tool_name) AND _resource_access(tool_name) IS DISTINCT FROM 'read' AND NOT _is_waiting(tool_name, tool_call_arguments)
      AND trace_id IN (SELECT trace_id FROM asked WHERE is_refused)
  ) AS later ON later.trace_id = asked.trace_id AND later.preorder > asked.preorder AND coalesce(later.start_time >= answered, true)
  WHERE NOT _refuses(later.arguments) AND NOT _of_other_numbers(request, later.arguments)
)
SELECT preorder, trace_id, agent_name, tool_name, answer, arg_min(done_with, done), min(done) FILTER (is_named)
FROM done
WHERE (is_named OR (len(list_intersect(matter, deed)) >= 1 AND len(list_intersect(matter, later_matter)) >= least(2, len(matter))))
  AND NOT EXISTS (FROM asked AS other WHERE other.trace_id = done.trace_id AND other.preorder > done.preorder AND other.preorder < done.done AND NOT other.is_refused)
GROUP BY ALL;

-- Deeds that were done a second time, although the first had been done: both were answered, each as a deed of its own; or the first had only not been answered in time,
-- and what was seen later has it twice.
CREATE VIEW _done_twice (
  -- Place of the second deed in tree order.
  preorder,
  -- Its trace.
  trace_id,
  -- The agent.
  agent_name,
  -- The tool.
  tool_name,
  -- Place of the first in tree order.
  first_preorder,
  -- What was answered the second time.
  answer
) AS
WITH deeds AS MATERIALIZED (
  SELECT
    preorder, trace_id, agent_name, tool_name, tool_call_arguments AS given, _same_arguments(_without_attempt(tool_name, tool_call_arguments)) AS arguments, tool_call_result AS answer, status_code = 'ERROR' AS is_error,
    status_code = 'ERROR' AND error_class(error_type, coalesce(status_message, tool_call_result), operation_name) IN ('time-out', 'unavailable') AS is_unanswered, start_time
  FROM spans
  WHERE operation_name = 'execute_tool' AND NOT is_control_flow AND _counts_twice(tool_name) AND length(tool_call_arguments) > 4 AND preorder NOT IN (SELECT preorder FROM _failures_told)
),
pairs AS MATERIALIZED (
  SELECT second.*, first.preorder AS first_preorder, first.is_unanswered AS was_unanswered
  FROM deeds AS second
  ASOF JOIN (FROM deeds WHERE NOT is_error OR is_unanswered) AS first
    ON first.trace_id = second.trace_id AND first.tool_name = second.tool_name AND first.arguments = second.arguments AND first.preorder < second.preorder
  WHERE NOT second.is_error AND second.answer <> '' AND NOT regexp_matches(second.answer, '(?i)\b(duplicate|already|idempotent|replay)')
    AND (first.is_unanswered OR (first.answer <> '' AND first.answer <> second.answer))
    AND NOT (first.given = second.given AND regexp_matches(first.given, '(?i)"\w*(idempot|nonce|dedup)'))
),
between AS (
  SELECT
    pairs.preorder, bool_or(other.preorder < pairs.preorder AND regexp_matches(_tool_words(other.tool_name), ' (cancel|void|revert|undo|reverse|rollback) ')) AS was_undone,
    bool_or(other.preorder > pairs.preorder AND (
      regexp_matches(other.tool_call_result, '(?i)\b(duplicated?|twice|double[- ]?\w*ed|two (charges|payments|orders|bookings|transfers|transactions))\b')
      OR (len(list_filter(regexp_extract_all(answer, '\b[A-Za-z]+[-_]?\d+\b'), lambda receipt: contains(other.tool_call_result, receipt)
          AND len(list_distinct(regexp_extract_all(other.tool_call_result, '\b' || regexp_extract(receipt, '^[A-Za-z]+[-_]?') || '\d+\b'))) >= 2)) > 0
        AND len(list_filter(json_extract_string(TRY_CAST(given AS JSON), '$.*'), lambda item: length(item) BETWEEN 2 AND 60 AND regexp_matches(item, '\d')
          AND len(regexp_extract_all(other.tool_call_result, '(^|\W)' || regexp_escape(item) || '(\W|$)')) >= 2)) > 0))) AS is_seen_twice
  FROM pairs
  JOIN (SELECT preorder, trace_id, tool_name, tool_call_result FROM spans WHERE operation_name = 'execute_tool' AND trace_id IN (SELECT trace_id FROM pairs)) AS other
    ON other.trace_id = pairs.trace_id AND other.preorder > first_preorder AND other.preorder <> pairs.preorder
  GROUP BY pairs.preorder
)
SELECT preorder, trace_id, agent_name, tool_name, first_preorder, answer
FROM pairs
LEFT JOIN between USING (preorder)
WHERE NOT coalesce(was_undone, false) AND (NOT was_unanswered OR coalesce(is_seen_twice, false));

-- Checks that said no, as an object with one verdict, and never said yes afterwards when they were asked the same.
CREATE VIEW _checks_that_said_no (
  -- Place of the check in tree order.
  preorder,
  -- Its trace.
  trace_id,
  -- Its verdict.
  verdict
) AS
WITH verdicts AS MATERIALIZED (
  SELECT
    preorder, trace_id, tool_name, tool_call_arguments AS arguments, tool_call_result AS verdict,
    regexp_matches(tool_call_result, '(?i)"(passed|pass|valid|is_valid|within_limits?|healthy|compliant|in_order)"\s*:\s*false') AS is_no
  FROM spans
  WHERE operation_name = 'execute_tool' AND status_code <> 'ERROR' AND strlen(tool_call_result) < 2000 AND starts_with(ltrim(left(tool_call_result, 20)), '{')
    AND len(regexp_extract_all(tool_call_result, '(?i)"(passed|pass|valid|is_valid|within_limits?|healthy|compliant|in_order)"\s*:\s*(true|false)')) = 1
)
FROM (SELECT preorder, trace_id, verdict FROM verdicts WHERE is_no)
WHERE preorder NOT IN (
  SELECT no.preorder
  FROM (FROM verdicts WHERE is_no) AS no
  JOIN (FROM verdicts WHERE NOT is_no) AS yes ON yes.trace_id = no.trace_id AND yes.tool_name = no.tool_name AND yes.preorder > no.preorder
  WHERE len(list_intersect(_given_words(yes.arguments), _given_words(no.arguments))) > 0 OR len(_given_words(no.arguments)) = 0
);

-- Calls that were given an identifier which stands nowhere before in the trace, while one stands there that differs from it in two neighbouring figures that changed places. Numbers of fewer
-- than six figures are no identifiers: they count lines, pages and pieces.
CREATE VIEW _transposed_ids (
  -- Place of the call in tree order.
  preorder,
  -- Its trace.
  trace_id,
  -- The agent.
  agent_name,
  -- The tool.
  tool_name,
  -- The identifier it was given.
  asked,
  -- The one that stood there before.
  meant
) AS
WITH seen AS MATERIALIZED (
  SELECT
    trace_id, token, min(moment) FILTER (type = 'result' OR (side = 'heard' AND type <> 'arguments')) AS told, min(moment) FILTER (type = 'arguments') AS given,
    arg_min(preorder, moment) FILTER (type = 'arguments') AS preorder, count(DISTINCT preorder) FILTER (type = 'arguments') AS calls, hash(trace_id, list_sort(string_split(token, ''))) AS letters
  FROM (FROM flow_texts WHERE type <> 'tool_call' AND trace_id IS NOT NULL) AS texts
  JOIN (SELECT token, text_id FROM flow_tokens WHERE length(token) BETWEEN 4 AND 20 AND regexp_matches(token, '^([A-Za-z]{1,8}[-_]?\d{4,}|\d{6,})$')) USING (text_id)
  GROUP BY trace_id, token
)
SELECT spans.preorder, spans.trace_id, agent_name, tool_name, asked.token, any_value(meant.token)
FROM seen AS asked
JOIN seen AS meant ON meant.letters = asked.letters AND meant.trace_id = asked.trace_id AND meant.token <> asked.token
  AND (meant.told < asked.given OR (meant.given < asked.given AND meant.calls > 1)) AND asked.calls = 1 AND coalesce(asked.told > asked.given, true)
JOIN spans ON spans.preorder = asked.preorder
WHERE spans.operation_name = 'execute_tool' AND len(list_filter(range(1, length(asked.token)), lambda place:
  left(asked.token, place - 1) || substr(asked.token, place + 1, 1) || substr(asked.token, place, 1) || substr(asked.token, place + 2) = meant.token)) = 1
GROUP BY ALL;

-- What went wrong with calls that nothing calls failed, each told in one sentence.
CREATE VIEW _flaws (
  -- Place of the call in tree order.
  preorder,
  -- Its trace.
  trace_id,
  -- What went wrong.
  summary,
  -- What the log says about it.
  reason
) AS
SELECT parts.preorder, parts.trace_id, format('{} answered{} with a part only, and nobody asked for the rest: {}.', tool_name, coalesce(' ' || agent_name, ''), rtrim(_short(mark, 120), '.')), mark
FROM _parts_taken_for_all AS parts
JOIN spans USING (preorder)
UNION ALL
SELECT preorder, trace_id, format('{} was refused{}, and {} was called all the same: {}.', tool_name, coalesce(' to ' || agent_name, ''), done_with, rtrim(_short(answer, 120), '.')), answer
FROM _refusals_passed_over
UNION ALL
SELECT preorder, trace_id, format('{} was done a second time{}, although the first time had counted: {}.', tool_name, coalesce(' by ' || agent_name, ''), rtrim(_short(answer, 120), '.')), answer
FROM _done_twice
UNION ALL
SELECT checks.preorder, checks.trace_id, format('{} said no{}, and never yes afterwards: {}.', tool_name, coalesce(' to ' || agent_name, ''), rtrim(_short(verdict, 120), '.')), verdict
FROM _checks_that_said_no AS checks
JOIN spans USING (preorder)
UNION ALL
SELECT preorder, trace_id, format('{} was asked{} for {}, which stands nowhere before; {} does.', tool_name, coalesce(' by ' || agent_name, ''), asked, meant), asked
FROM _transposed_ids
UNION ALL
SELECT preorder, trace_id, format('{} told {}, which had been answered as {}.', coalesce(agent_name, 'An agent'), told, answered), told
FROM _units_changed
UNION ALL
SELECT preorder, trace_id, format('{} told {} and {}, which had been answered the other way round.', coalesce(agent_name, 'An agent'), told, also_told), told
FROM _values_swapped
UNION ALL
SELECT preorder, trace_id, format('{} answered{} with nothing, and then {} was told, which stands nowhere before.', tool_name, coalesce(' ' || agent_name, ''), told), told
FROM _made_up;
