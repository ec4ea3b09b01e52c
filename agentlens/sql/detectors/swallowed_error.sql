-- A failure that was turned into a success on its way up.
-- include: messages.languages
-- include: messages.span_messages
-- include: spans.actions
-- include: spans.errors
-- include: flow.resources
-- include: agents.handoffs
-- include: agents.statuses
-- include: recovery.told
-- include: detectors.checks
-- include: detectors.evidence

-- Why swallowed errors cannot be looked for; no reason when all is there.
CREATE VIEW _needs_swallowed_error (
  -- False where nothing can be found for lack of evidence.
  can_look,
  -- Why, in one sentence.
  reason
) AS
SELECT
  count(*) FILTER (status_code <> 'UNSET') > 0 AND count(*) FILTER (operation_name = 'invoke_agent') > 0,
  CASE
    WHEN count(*) FILTER (status_code <> 'UNSET') = 0 THEN 'no span has a status recorded'
    WHEN count(*) FILTER (operation_name = 'invoke_agent') = 0 THEN 'the logs hold no agent runs that could report success'
  END
FROM spans;

-- The same in German, French, Spanish, Italian and Portuguese.
CREATE MACRO _owns_up_abroad(text) AS
regexp_matches(text,
  'nicht (vollst|m.glich|gefunden|erreich|gelungen|verf.g|abgeschl|fertig|gel.st|geklappt)|\bkonnten? .{0,60}nicht|fehlgeschlagen|gescheitert|unvollst|\bleider\b|\bfehlt|\bfehler|\boffen (bleib|ist|sind)|\bkeine?[nrms]? (zahl|daten|angabe|antwort|ergebnis|treffer|zugriff|zugang|information|werte?\b|verbindung|r.ckmeldung|preis)|\bstattdessen|\bgesch.tzt|'
  || '\bn.(a|ai|ont|est|avons|ayant) (pas|pu)\b|\bimpossible|[ée]chou[ée]|\bincompl|\bmanqu|\berreur|malheureusement|\bpas (encore|disponible|trouv|termin|pu|de (donn|r.pons|chiffr|r.sult))|\baucune? (donn|r.pons|r.sult|trace)|[àa] la place|'
  || '\bno (se )?(pud|pued|fue posible|encontr|est[aá] disponible|logr)|\bfall[oó]|\bfalta|\bpendiente|lamentablemente|\bimposible|\b(sin|no hay|no tengo) (datos|respuesta|resultado|cifra)|en su lugar|'
  || '\bnon (è|sono|ho|abbiamo|ha|siamo|riusc|possibil|complet|dispon)|\bfallit|\bmanca|\berrore|purtroppo|a met[aà]|\b(nessun|senza) (dat|rispost|risultat)|al suo posto|'
  || 'não (foi|consegui|pude|est|encontr)|\bfalh|\berro\b|infelizmente|\bsem (dados|resposta|resultado)', 'i');

-- Words that own up to a failure where they stand alone: something is missing, was left out or guessed, or something else stands in for it.
CREATE MACRO _owns_up_indirectly(text) AS
regexp_matches(text, '\b(unknown|n/a|null|declin\w*|offline|(is|are|was|were|be|went|goes) down|left (out|open|aside)|omit\w*|exclud\w*|instead|in its place|fall(s|ing)?.?back|fell back|outdated|stale|assum\w*|estimat\w*|guess\w*|from memory|(last|previous) (week|month|year|quarter|run)\W?s|only (able|manag\w+|part\w*|some|the (first|last|abstract|summary|title))|(able|managed) to \w+ only|(see|saw|found|find|have|got|there is|there are|there was|there were|with) (no|nothing|none)|no (data|figures?|numbers?|answer|response|reply|results?|records?|access|luck|trace|sign|such|match\w*|information|value)|nothing (came|(was|is) (found|returned|there|known|available|shown|listed)|under|listens|there|at)|(do|does|is|are|has|have|had|would|will) ?n[o.]t (yet |been )?(answer\w*|respond\w*|listen\w*|load\w*|open\w*|repl\w*|start\w*|connect\w*|run\w*|come|give\w*|return\w*|arrive\w*|know\w*|visible|listed|included|covered|checked|verified|tested|measured|confirmed))\b|\bn/a\b', 'i');

-- A text without what it says did not happen: `no errors` owns up to nothing.
CREATE MACRO _without_denied_failures(text) AS
CASE WHEN regexp_matches(text, '(?i)\b(no|without|zero|keine?|ohne|sans|aucune?|sin|senza|nessun|sem|nenhum)\s')
  THEN regexp_replace(text, '\b(no|without|zero|keine?|ohne|sans|aucune?|sin|senza|nessun|sem|nenhum)\s+(any\s+|further\s+|known\s+|open\s+|other\s+|weiteren?\s+)?(errors?|problem[ase]?s?|issues?|failures?|fehler|erreurs?|errore?[si]?|erros?|fallos?)\b', ' ', 'gi')
  ELSE text END;

-- Whether a text has words that own up to a failure, in plain words.
CREATE MACRO _owns_up_plainly(text) AS
_owns_up_abroad(text) OR _owns_up_indirectly(text) OR
regexp_matches(text, '\b(fail\w*|errors?|unable|could ?n[o.]t|cannot|can.t|was ?n.t able|not (all|every\w*|fully|yet|ready|available|found|possible|reach\w*|complete\w*|done|work\w*)|unavailable|missing|denied|time[ds]?.?out|timeouts?|blocked|partial\w*|skip\w*|incomplete|problems?|issues?|unfortunately|did ?n[o.]t|does ?n[o.]t exist|no access|without (the|access)|unreachable|unreadable|expired|refus\w*|reject\w*|gave up|retry|later|reproduc\w*|wrong|invalid|incorrect|violat\w*|mismatch\w*|does ?n[o.]t match|interrupted|stop(ped|ping)? here|up to you|on purpose|deliberately|(may|must|is|are|was|were) ?n[o.]t (be |to be )?(allowed|permitted|sent|shared|shown|told|opened|read|used|done|given)|against (the |our )?(policy|rules?)|(still|stays?|left|remains?) red)\b', 'i');

-- Whether a text owns up to a failure; that there was none owns up to nothing.
CREATE MACRO _owns_up(text) AS _owns_up_plainly(_without_denied_failures(text));

-- Whether a text claims that something was done or is in order; what merely answers or shows something claims less.
CREATE MACRO _claims_success(text) AS
regexp_matches(text, '\b(all|every\w*|done|complete\w*|finished|success\w*|ready|sent|saved|stored|delivered|updated|published|posted|submitted|filed|uploaded|deployed|booked|paid|placed|passed|holds?|fine|clean|safe|cleared|approved|(as|was|were|been) (asked|requested|planned|checked|verified)|in (order|place|line)|no (errors?|problems?|issues?|failures?|objections?|concerns?)|'
  || 'alle[sr]?|fertig|erledigt|abgeschlossen|gespeichert|gesendet|in ordnung|erfolgreich|tou[st]|toutes|termin[ée]\w*|fait\w*|envoy[ée]\w*|enregistr[ée]\w*|r[ée]ussi\w*|tod[oa]s?|listo|hech[oa]s?|complet\w*|enviad\w*|guardad\w*|tutt[oi]|fatt[oi]|inviat\w*|salvat\w*|pronto|feit[oa]|conclu\w*|salv[oa])\b|[✅✓✔]', 'i');

-- Words of a tool's name that say what it is about: five letters and more, and not what any tool does.
CREATE MACRO _subjects(tool) AS
list_filter(
  string_split(lower(regexp_replace(regexp_replace(tool, '([a-z])([A-Z])', '\1_\2', 'g'), '[^A-Za-z]+', '_', 'g')), '_'),
  lambda word: length(word) >= 5 AND word NOT IN (
    'check', 'search', 'fetch', 'write', 'update', 'create', 'query', 'execute', 'command', 'lookup', 'delete', 'remove', 'files',
    'agent', 'agents', 'tools', 'delegate', 'dispatch', 'transfer', 'handoff', 'request', 'verify', 'validate', 'submit', 'shell'
  )
);

-- The values in the arguments of a tool call (JSON) that say what it works on: six characters and more.
CREATE MACRO _telling_arguments(arguments) AS
CASE WHEN json_type(TRY_CAST(arguments AS JSON)) = 'OBJECT'
  THEN list_filter(json_extract_string(arguments, '$.*'), lambda said: length(said) BETWEEN 6 AND 300) END;

-- What a look asks: its arguments, as logged, where they say something in words, by each word that says what its tool is for. The very same asked of two tools that
-- share such a word is one question.
CREATE MACRO _questions(tool, arguments) AS
CASE WHEN length(arguments) < 300 THEN list_transform(_subjects(tool), lambda word: word || arguments) END;

-- The words of such values of five letters and more.
CREATE MACRO _telling_words(things) AS
list_filter(regexp_extract_all(lower(array_to_string(things, ' ')), '\pL{5,}'), lambda word: word NOT IN ('https', 'index', 'example'));

-- What a call of an agent in a trace is about, as numbers that are quick to compare: one for each value it names, one for each word it looks for.
CREATE MACRO _matters(trace, agent, things, words) AS
list_concat(list_transform(things, lambda said: hash(trace, agent, said)), list_transform(words, lambda said: hash(trace, agent, said, 'word')));

-- Whether the arguments of a tool call (JSON) bring a text along, of four words and 30 characters and more, beside the thing they name; what merely explains or asks does not count.
CREATE MACRO _brings_a_text(arguments) AS
coalesce(json_type(arguments) = 'OBJECT' AND _resource_named(arguments) IS NOT NULL AND len(list_filter(
  list_zip(json_keys(arguments), json_extract_string(arguments, '$.*')),
  lambda said: length(said[2]) >= 30 AND regexp_matches(said[2], '^\s*\S+\s+\S+\s+\S+\s+\S') AND NOT regexp_matches(said[1], 'expl|descr|reason|why|rationale|thought|query|pattern|question|prompt|instruct|goal|purpose', 'i'))) > 0, false);

-- Whether a failed call only looked whether something is there: it runs no check, writes nothing, and brings no text along.
CREATE MACRO _is_a_look(tool, arguments) AS
NOT _is_check(tool, arguments) AND _resource_access(tool) IS DISTINCT FROM 'write'
AND (_resource_access(tool) IS NOT DISTINCT FROM 'read' OR regexp_matches(_tool_words(tool), ' (search|find|grep|query|ask|look|list|scan|stat|exists|explore|analy[sz]e|describe|explain|delete|remove) ')
  OR NOT _brings_a_text(TRY_CAST(arguments AS JSON)));

-- Whether a failure says that what was to be made is there already: nothing is missing.
CREATE MACRO _is_there_already(error_type, message) AS
_failure_matches(error_type, left(message, 300), '\b(file|directory|path|resource|branch) exists?\b|already (exists?|installed|running|up.to.date|done|present|registered)|fileexists|\beexist\b|alreadyexists');

-- Whether a tool only keeps account of what the run does, by its name: nothing is built on that.
CREATE MACRO _keeps_account(tool) AS
coalesce(regexp_matches(_tool_words(tool), ' (telemetry|metrics?|analytics|tracing|heartbeat|statsd|datadog|opentelemetry) |^ (log|track|record|emit|trace) (an? |the )?(event|metric|usage|run|step|progress|activity|trace|span|cost|timing)s? ')
  AND NOT regexp_matches(_tool_words(tool), ' (get|read|fetch|load|query|search|analy[sz]e|check|compute|calculate|list|show) '), false);

-- What may mend a failure that is no second try of the same tool: asking a person, for a check one that passed, for a click the next step on the screen.
CREATE MACRO _kinds_of_remedy(tool, arguments) AS
list_filter([
  CASE WHEN _asks_a_person(tool) THEN 'person' END, CASE WHEN _is_check(tool, arguments) THEN 'check' END,
  CASE WHEN regexp_matches(_tool_words(tool), ' (click|tap|press|hover|scroll|drag|keypress|keyboard|mouse|browser|screenshot|dblclick|select option|fill form|type text) ') THEN 'screen' END
], lambda kind: kind IS NOT NULL);

-- What was made of every failure that was caught, as one row: whether anything could be judged (`can_look`), what was left out (`reason`), and the
-- `findings`, a list.
CREATE MACRO _verdict_swallowed_error() AS TABLE
WITH RECURSIVE
-- Failures that only an answer tells of are among them, but for what a program in a shell prints. `_failures_told` looks for more, which takes three times as long.
told_only AS MATERIALIZED (
  SELECT *, tool_call_result AS message
  FROM spans
  WHERE operation_name = 'execute_tool' AND status_code <> 'ERROR' AND subtree_end = preorder + 1 AND _answers_with_failure(tool_call_result) AND NOT _reads_a_log(tool_name, tool_call_arguments)
    AND _shell_command(tool_name, tool_call_arguments, TRY_CAST(tool_call_arguments AS JSON)) IS NULL
),
failures AS MATERIALIZED (
  SELECT trace_id, preorder, span_id, agent_name, operation_name, tool_name, kind, error_class, message, error_type, start_time, end_time, false AS is_told
  FROM errors
  UNION ALL
  SELECT trace_id, preorder, span_id, agent_name, operation_name, tool_name, 'tool', error_class(NULL, message, operation_name), message, NULL, start_time, end_time, true
  FROM told_only
),
parents AS MATERIALIZED (
  SELECT child.preorder, parent.preorder AS parent_preorder
  FROM (
    FROM spans
    SEMI JOIN failures USING (trace_id)
    WHERE status_code = 'ERROR' OR operation_name IS NULL OR operation_name NOT IN ('execute_tool', 'invoke_agent', 'invoke_workflow') OR preorder IN (SELECT preorder FROM told_only)
  ) AS child
  ASOF JOIN spans AS parent ON parent.depth = child.depth - 1 AND parent.preorder < child.preorder
),
climb AS (
  SELECT preorder AS leaf, preorder AS here, CASE WHEN operation_name = 'invoke_agent' THEN preorder END AS failed_run, false AS is_caught
  FROM failures
  UNION ALL
  SELECT
    leaf, parent_preorder, CASE WHEN above.operation_name = 'invoke_agent' AND above.status_code = 'ERROR' THEN parent_preorder ELSE failed_run END,
    coalesce(above.status_code <> 'ERROR' AND above.operation_name IN ('execute_tool', 'invoke_agent', 'invoke_workflow'), false)
  FROM climb
  JOIN parents ON parents.preorder = climb.here
  JOIN spans AS above ON above.preorder = parent_preorder
  WHERE NOT is_caught
),
caught AS (
  SELECT
    leaf, failed_run, catcher.preorder AS catcher, catcher.trace_id, catcher.span_id AS catcher_span_id, catcher.operation_name,
    catcher.agent_name AS reporter, catcher.status_code, catcher.subtree_end, catcher.end_time AS catcher_end,
    catcher.tool_name AS catcher_tool, catcher.tool_call_result AS tool_answer,
    failures.agent_name, failures.tool_name, failures.kind, failures.error_class, failures.message, failures.error_type,
    failures.start_time, failures.end_time, failures.span_id, is_told
  FROM climb
  JOIN spans AS catcher ON catcher.preorder = climb.here
  JOIN failures ON failures.preorder = climb.leaf
  WHERE is_caught AND (
    catcher.operation_name = 'invoke_agent' OR (catcher.operation_name = 'execute_tool' AND failed_run IS NOT NULL)
  )
),
-- Calls of the same tool by the same agent that worked: afterwards they mend the failure, before they make it doubtful.
worked AS (
  SELECT
    leaf, bool_or(call.start_time >= caught.end_time OR call.start_time > caught.start_time) AS is_mended, bool_or(call.preorder > catcher AND call.preorder < caught.subtree_end) AS has_worked
  FROM caught
  JOIN spans AS call ON call.trace_id = caught.trace_id AND call.agent_name IS NOT DISTINCT FROM caught.agent_name
    AND call.status_code <> 'ERROR' AND call.preorder <> caught.catcher AND call.preorder NOT IN (SELECT preorder FROM told_only)
    AND CASE WHEN caught.kind = 'agent' THEN call.operation_name = 'invoke_agent' AND call.end_time IS NOT NULL
      WHEN caught.kind = 'model' THEN _span_kind(call.operation_name) = 'model' ELSE call.operation_name = 'execute_tool' AND call.tool_name = caught.tool_name END
  GROUP BY leaf
),
-- Failures that the same tool did not mend. Only these need to be excused or told of; most of what was caught was tried again and worked.
unmended AS MATERIALIZED (
  SELECT caught.*, coalesce(has_worked, false) AS has_worked
  FROM caught
  LEFT JOIN worked USING (leaf)
  WHERE NOT coalesce(is_mended, false) AND (operation_name = 'execute_tool' OR NOT coalesce(has_worked, false))
),
-- What could mend or disclose a failure comes after the first one of its agent: the texts of other calls are not searched.
first_unmended AS MATERIALIZED (SELECT trace_id, agent_name, min(start_time) AS first_time FROM unmended GROUP BY ALL),
asked AS MATERIALIZED (
  SELECT DISTINCT tool_call_arguments
  FROM (SELECT tool_call_arguments FROM spans WHERE preorder IN (SELECT leaf FROM unmended))
  WHERE length(tool_call_arguments) < 300 AND regexp_matches(tool_call_arguments, ':\s*"[^"]*\pL{3}')
),
-- Calls of other tools by the same agent that worked afterwards on the same thing, and brought something back: another way was found. Where the failed call
-- only looked for something, a look for what shares a word with it, or with what its tool is for, is one as well.
sought AS MATERIALIZED (
  SELECT leaf, start_time, was_writing,
    unnest(_matters(trace_id, agent_name, list_concat(things, CASE WHEN is_a_look THEN questions END), CASE WHEN is_a_look THEN list_concat(_telling_words(things), _subjects(tool_name)) END)) AS matter
  FROM (
    SELECT
      leaf, unmended.trace_id, unmended.agent_name, unmended.start_time, failed.tool_name, _resource_access(failed.tool_name) IS NOT DISTINCT FROM 'write' AS was_writing,
      _telling_arguments(failed.tool_call_arguments) AS things, CASE WHEN failed.tool_call_arguments IN (FROM asked) THEN _questions(failed.tool_name, failed.tool_call_arguments) END AS questions,
      _is_a_look(failed.tool_name, failed.tool_call_arguments) AS is_a_look
    FROM unmended
    JOIN spans AS failed ON failed.preorder = leaf
  )
),
-- What calls that worked found. A result is looked at below the list that is unnested: once, and not once for each matter of its call.
brought AS (
  SELECT is_receipt, max(start_time) AS start_time, matter
  FROM (
    SELECT is_receipt, start_time, unnest(_matters(trace_id, agent_name, list_concat(things, CASE WHEN is_a_look THEN questions END), CASE WHEN is_a_look THEN _telling_words(things) END)) AS matter
    FROM (
      SELECT
        call.trace_id, call.agent_name, start_time, coalesce(_is_receipt(tool_call_result), false) AS is_receipt, _telling_arguments(tool_call_arguments) AS things, CASE WHEN tool_call_arguments IN (FROM asked) THEN _questions(tool_name, tool_call_arguments) END AS questions,
        length(tool_call_result) > 0 AND _is_a_look(tool_name, tool_call_arguments) AS is_a_look
      FROM spans AS call
      SEMI JOIN first_unmended ON first_unmended.trace_id = call.trace_id AND first_unmended.agent_name IS NOT DISTINCT FROM call.agent_name AND call.start_time > first_time
      WHERE operation_name = 'execute_tool' AND status_code <> 'ERROR' AND preorder NOT IN (SELECT preorder FROM told_only)
    )
  )
  WHERE matter IN (SELECT matter FROM sought)
  GROUP BY ALL
),
-- Names are looked at once each; what a shell is told says more.
remedying AS (
  SELECT tool_name, _kinds_of_remedy(tool_name, NULL) AS kinds, len(_kinds_of_remedy(tool_name, 'pytest')) > len(kinds) AS may_check
  FROM (SELECT DISTINCT tool_name FROM spans WHERE operation_name = 'execute_tool')
),
remedies AS (
  SELECT trace_id, agent_name, remedy, max(start_time) AS start_time
  FROM (
    SELECT call.trace_id, call.agent_name, start_time, unnest(CASE WHEN may_check THEN _kinds_of_remedy(tool_name, tool_call_arguments) ELSE kinds END) AS remedy
    FROM spans AS call
    JOIN remedying USING (tool_name)
    SEMI JOIN first_unmended ON first_unmended.trace_id = call.trace_id AND first_unmended.agent_name IS NOT DISTINCT FROM call.agent_name AND call.start_time > first_time
    WHERE operation_name = 'execute_tool' AND status_code <> 'ERROR'
  )
  GROUP BY ALL
),
other_ways AS (
  SELECT DISTINCT leaf
  FROM sought
  JOIN brought ON brought.matter = sought.matter AND brought.start_time > sought.start_time
  WHERE was_writing OR NOT is_receipt
  UNION
  -- The very same call by another agent of the run that caught the failure: it took over.
  SELECT leaf
  FROM unmended
  JOIN spans AS failed ON failed.preorder = leaf
  JOIN spans AS call ON call.trace_id = unmended.trace_id AND call.tool_name = unmended.tool_name AND call.tool_call_arguments = failed.tool_call_arguments
  WHERE call.operation_name = 'execute_tool' AND call.status_code <> 'ERROR' AND call.start_time > unmended.start_time
    AND call.preorder > catcher AND call.preorder < unmended.subtree_end AND length(call.tool_call_arguments) > 2
  UNION
  SELECT leaf
  FROM (
    SELECT leaf, unmended.trace_id, unmended.agent_name, unmended.start_time, unnest(list_distinct(['person'] || _kinds_of_remedy(failed.tool_name, failed.tool_call_arguments))) AS remedy
    FROM unmended
    JOIN spans AS failed ON failed.preorder = leaf
  ) AS failed
  JOIN remedies ON remedies.trace_id = failed.trace_id AND remedies.agent_name IS NOT DISTINCT FROM failed.agent_name AND remedies.remedy = failed.remedy
    AND remedies.start_time > failed.start_time
),
-- Calls of the same agent afterwards that pass on, in a text of their own, that what failed is missing.
disclosed AS (
  SELECT DISTINCT leaf
  FROM unmended
  JOIN (
    SELECT call.trace_id, call.agent_name, start_time, tool_call_arguments
    FROM spans AS call
    JOIN first_unmended ON first_unmended.trace_id = call.trace_id AND first_unmended.agent_name IS NOT DISTINCT FROM call.agent_name
    WHERE operation_name = 'execute_tool' AND status_code <> 'ERROR'
      AND CASE WHEN call.start_time > first_time THEN CASE WHEN _owns_up(tool_call_arguments) THEN _brings_a_text(TRY_CAST(tool_call_arguments AS JSON)) END END
  ) AS call ON call.trace_id = unmended.trace_id AND call.agent_name IS NOT DISTINCT FROM unmended.agent_name AND call.start_time > unmended.start_time
  WHERE length(call.tool_call_arguments) > 2 * coalesce(length(message), 0)
    AND len(list_filter(_subjects(unmended.tool_name), lambda word: contains(lower(call.tool_call_arguments), word))) > 0
),
-- The last words of the run that caught it: its own output, else that of its last model call.
last_words AS (
  SELECT catcher, arg_max(message_hash, (said.preorder = catcher, said.start_time, said.preorder, position)) AS message_hash
  FROM (SELECT DISTINCT catcher, trace_id, subtree_end, reporter FROM unmended WHERE operation_name = 'invoke_agent') AS runs
  JOIN spans AS said ON said.trace_id = runs.trace_id AND said.preorder >= catcher AND said.preorder < runs.subtree_end
    AND said.agent_name IS NOT DISTINCT FROM reporter
  JOIN span_messages ON span_messages.trace_id = said.trace_id AND span_messages.span_id = said.span_id AND direction = 'output'
  GROUP BY catcher
),
told AS (
  SELECT
    unmended.*, leaf IN (FROM other_ways) OR leaf IN (FROM disclosed) OR _is_there_already(unmended.error_type, message) AS is_mended,
    _is_a_look(failed.tool_name, failed.tool_call_arguments) AS is_a_look,
    -- Words beside the call of a tool are not the last ones: the log breaks off there.
    CASE WHEN unmended.operation_name = 'execute_tool' THEN tool_answer WHEN NOT contains(parts::VARCHAR, '"tool_call"') THEN nullif(trim(array_to_string(parts->>'$[*].content', ' ')), '') END AS words
  FROM unmended
  JOIN spans AS failed ON failed.preorder = leaf
  LEFT JOIN last_words USING (catcher)
  LEFT JOIN messages USING (message_hash)
),
judged AS MATERIALIZED (
  SELECT *, CASE WHEN tier IS NOT NULL THEN _is_understood(words) END AS is_understood
  FROM (
    SELECT *, CASE
        WHEN words IS NULL OR _owns_up(words)
          OR list_has_any(regexp_extract_all(left(message, 2000), '\b[45]\d\d\b'), regexp_extract_all(words, '\b[45]\d\d\b')) IS TRUE
          OR coalesce(length(message) >= 8 AND contains(lower(words), lower(left(_without_error_type(message), 40))), false) THEN NULL
        WHEN is_told AND NOT _claims_success(words) THEN NULL
        WHEN operation_name = 'execute_tool' AND NOT is_told THEN 'proven'
        WHEN NOT is_told AND NOT has_worked AND len(list_filter(_subjects(tool_name), lambda word: contains(lower(words), word))) > 0 THEN 'proven'
        WHEN NOT has_worked AND catcher_end IS NOT NULL AND tool_name IS NOT NULL AND NOT _keeps_account(tool_name) AND (error_class <> 'not found' OR NOT is_a_look
          -- That the program behind the tool is not there says nothing of what was looked for.
          OR regexp_matches(message, '(?i)command not found|not installed|no module named|cannot find module|unknown (tool|function)')) THEN 'candidate'
      END AS tier
    FROM told
    WHERE NOT is_mended
  )
),
-- What the agent reported outside the spans, from the failure to ten minutes after the run.
reports AS (
  SELECT
    leaf, bool_or(is_trouble(status) OR len(open_blockers(blockers)) > 0) AS is_honest,
    list(_evidence(report.source_id, report.source_line, report.source_offset, report.source_length, NULL,
      report.agent_name || ' reported ' || status || coalesce(': ' || array_to_string(deliverables, '; '), '')) ORDER BY time) AS evidence
  FROM judged
  JOIN status_reports AS report ON report.agent_name = judged.reporter AND report.kind <> 'heartbeat'
    AND report.time >= judged.start_time AND epoch_ns(report.time) <= epoch_ns(judged.catcher_end) + 600000000000
  WHERE tier IS NOT NULL
  GROUP BY leaf
),
told_first AS MATERIALIZED (
  SELECT
    judged.*, reports.evidence AS report_evidence,
    row_number() OVER (PARTITION BY catcher, judged.tool_name ORDER BY tier DESC, judged.start_time, leaf) AS place,
    count(*) OVER (PARTITION BY catcher, judged.tool_name) AS failures
  FROM judged
  LEFT JOIN reports USING (leaf)
  WHERE tier IS NOT NULL AND NOT coalesce(is_honest, false)
  QUALIFY place = 1
),
-- Last words that rest on what other calls of the agent brought afterwards, and on nothing invented: all their numbers, or of a failed look most of
-- their words, stand there.
pieces AS MATERIALIZED (
  SELECT leaf, trace_id, agent_name, start_time, is_number, unnest(pieces) AS piece
  FROM (
    SELECT *, CASE WHEN is_number THEN list_distinct(regexp_extract_all(words, '\d[\d.,:]*\d')) WHEN is_a_look THEN list_distinct(regexp_extract_all(lower(left(words, 2000)), '\pL{5,}')) END AS pieces
    FROM told_first, (VALUES (true), (false)) AS kinds (is_number)
  )
  WHERE len(pieces) >= CASE WHEN is_number THEN 1 ELSE 3 END
),
results AS MATERIALIZED (
  SELECT trace_id, agent_name, start_time, lower(tool_call_result) AS result
  FROM spans AS call
  SEMI JOIN pieces ON pieces.trace_id = call.trace_id AND pieces.agent_name IS NOT DISTINCT FROM call.agent_name
  WHERE operation_name = 'execute_tool' AND status_code <> 'ERROR' AND tool_call_result IS NOT NULL
),
rested AS (
  SELECT DISTINCT leaf
  FROM (
    SELECT leaf, is_number, piece, coalesce(bool_or(contains(result, piece)), false) AS is_brought
    FROM pieces
    LEFT JOIN results AS call ON call.trace_id = pieces.trace_id AND call.agent_name IS NOT DISTINCT FROM pieces.agent_name AND call.start_time > pieces.start_time
    GROUP BY ALL
  )
  GROUP BY leaf, is_number
  HAVING CASE WHEN is_number THEN bool_and(is_brought) ELSE avg(is_brought::INT) >= 0.6 END
),
found AS MATERIALIZED (FROM told_first ANTI JOIN rested USING (leaf)),
accusations AS (
  SELECT
    tier, CASE WHEN tier = 'proven' THEN 'critical' WHEN _claims_success(words) THEN 'warning' ELSE 'info' END AS severity, found.trace_id, reporter AS agent_name,
    [found.span_id, catcher_span_id] AS span_ids, found.start_time, catcher_end AS end_time,
    format(CASE WHEN tier = 'proven' THEN '{} failed{}, and {} still reported success.' ELSE '{} failed{}, and {} ended without a word of it.' END,
      coalesce(found.tool_name || _about(leaf_span.tool_call_arguments), 'A step') || CASE WHEN found.agent_name <> reporter THEN ' (' || found.agent_name || ')' ELSE '' END,
      coalesce(' (' || _short(coalesce(found.message, found.error_type), 80) || ')', ''),
      coalesce(reporter, 'the run above') || CASE WHEN found.operation_name = 'execute_tool' THEN coalesce('''s tool ' || catcher_tool, '') ELSE '' END) AS summary,
    list_concat(
      [
        _evidence(leaf_span.source_id, leaf_span.source_line, leaf_span.source_offset, leaf_span.source_length, found.span_id,
          'failed: ' || coalesce(found.message, found.error_type, found.error_class)),
        _evidence(catcher_span.source_id, catcher_span.source_line, catcher_span.source_offset, catcher_span.source_length, catcher_span_id,
          'status ' || found.status_code || ', and says: ' || words)
      ],
      coalesce(report_evidence, [])
    ) AS evidence,
    NULL::BIGINT AS tokens_wasted, NULL::DOUBLE AS cost_usd_wasted
  FROM found
  JOIN spans AS leaf_span ON leaf_span.preorder = found.leaf
  JOIN spans AS catcher_span ON catcher_span.preorder = found.catcher
  WHERE is_understood
),
counted AS (
  SELECT
    count(DISTINCT catcher) AS runs, count(DISTINCT catcher) FILTER (words IS NULL) AS wordless,
    (SELECT count(DISTINCT catcher) FROM found WHERE NOT is_understood) AS in_other_tongues
  FROM judged
)
SELECT
  runs = 0 OR wordless + in_other_tongues < runs AS can_look,
  nullif(concat_ws('; ',
    _unjudged('runs that went on after a failure', runs, wordless, 'no last words recorded'),
    _unjudged('runs that went on after a failure', runs, in_other_tongues, 'last words in a language in which owning up is not understood')), '') AS reason,
  (SELECT list(accusations) FROM accusations) AS findings
FROM counted;

-- A step fails, nobody repeats it with success, and what is above it reports success as if nothing had happened.
--
-- Means: an empty or invented value took the place of the missing one. Matters: everything built on it is wrong, and all is green.
-- The failure is followed upwards to the first tool call or run that did not fail. Tier proven: (a) an agent's run failed and the
-- tool that started it gave back an ordinary answer, or (b) the run in which a tool failed ended well, its final words speak of what
-- that tool is for, and the tool never worked in that run. Tier candidate: as (b), but the final words do not name the matter and
-- the run ended without an error, or nothing but its answer says that the call failed (`{"error": ...}`) and the final words claim success. Severity: critical if proven, warning for a candidate that claims success (`all done`), info for one that only answers.
-- Example: `margin_check` fails, and the agent reports that margins hold.
-- Leaves alone: failures after which the same tool of the same agent worked, or the very same call of another agent that took over, or another one that brought something back on the same thing, or was asked the very same and is for the same (`google_route`, `osm_route`); last words, reports or texts written since that own up to a failure
-- or repeat its words; failures after which a person was asked, a check that had failed was passed or a next step on the screen worked; last words whose numbers
-- stand in what other calls brought afterwards; what was there already; tools that only keep account of the run; failures that reach the root; exceptions that steer the program; runs without recorded final words; failed looks for something that is not there
-- (a check that did not find its object, and a call that brought a text to be kept, are more than looks).
-- Misses: failures inside a tool that catches them itself and gives an ordinary answer; agents whose messages are not logged. Owning up is understood in English, German,
-- French, Spanish, Italian and Portuguese; runs that end in words of another language are not judged, and `checks` counts them.
-- Do: treat the agent's report as unproven; repeat the failed step, and mend what caught the failure.
-- scope: trace
-- version: 8
CREATE MACRO detect_swallowed_error() AS TABLE
SELECT unnest(findings, max_depth := 2) FROM _verdict_swallowed_error();
