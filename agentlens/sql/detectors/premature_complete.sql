-- Done, it said.
-- include: agents.statuses
-- include: agents.waves
-- include: messages.languages
-- include: messages.span_messages
-- include: spans.runs
-- include: spans.errors
-- include: detectors.checks
-- include: detectors.swallowed_error
-- include: detectors.evidence

-- Whether a text claims that work is done, in plain words, and admits nothing.
CREATE MACRO _claims_done(text) AS
regexp_matches(text, '\b(all|the) ((unit|integration|smoke|regression|acceptance|e2e|end.to.end|remaining|\d+) )*(tests|checks|specs) (have |now )?(are )?(all )?(pass|passed|passing|green)\b|\b(task|work|job|implementation|migration|release|report|feature|fix|deployment|deploy|rollout|build|upgrade|installation|refactoring|everything|all)\b[^.!?\n]{0,60}\b(is|are|was|were|has been|have been)( now| all| fully| successfully)* (complete|completed|finished|done|implemented|delivered|shipped|deployed|ready)\b|\bsuccessfully (completed|implemented|finished|delivered|deployed|fixed|published|released|shipped)\b|\beverything (works|passes)\b|^\W*(all )?(done|complete|completed|finished|shipped)\b', 'i')
AND NOT _owns_up(text) AND NOT regexp_matches(text, '\b(not|n''t|yet|remain(s|ing)?|todo|still|pending|next step)\b', 'i');

-- Whether last words have nothing to say of a failed check: they own up to nothing, and no longer word and no code of it comes back in them.
CREATE MACRO _passes_over(said_by_check, words) AS
length(words) > 0 AND NOT _owns_up(words)
AND NOT list_has_any(regexp_extract_all(lower(said_by_check), '[\pL\d_]{6,}|\b\pL+\d{2,}\b'), regexp_extract_all(lower(words), '[\pL\d_]{6,}|\b\pL+\d{2,}\b'));

-- How many of how many a report says are done, in words that say so of things (`0 of 12 labels printed`): NULLs where it does not, names parts of the work (`part 2 of 3`), or
-- says why the others are not done.
CREATE MACRO _share_done(detail) AS
CASE WHEN NOT _owns_up(detail) AND NOT regexp_matches(detail, '(?i)\b(cancel\w*|drop\w*|defer\w*|postpon\w*|exclu\w*|ignor\w*|declin\w*|rest|remain\w*|others?|only|none|not|no|scope|need\w*|enough|as (asked|planned|agreed)|limit\w*|sampl\w*)\b|\b(part|wave|step|phase|batch|round|page|stage|sprint|chapter|attempt|run|pass|item|task)s? #?\d+ of \d')
  THEN regexp_extract(detail, '(?i)(?:^|[^\d.,/-])(\d{1,6}) (?:out )?of (?:the |all )?(\d{1,6})(?: \pL[\pL-]*){0,3} (?:(?:were|are|was|is|have been|has been) )?(?:done|complete|completed|finished|processed|printed|delivered|shipped|handled|migrated|written|answered|translated|transcribed|installed|uploaded|imported|exported|sent|packed|labelled|labeled|published|indexed|converted|built|deployed)\b', ['done', 'whole'])
END;

-- Everything that a report says beside its status.
CREATE MACRO _words_of_report(detail, deliverables, blockers, next_action) AS
concat_ws('; ', detail, array_to_string(deliverables, '; '), array_to_string(blockers, '; '), next_action);

-- Every run whose last check failed, or below which something was left open: what speaks against its being done.
CREATE VIEW _undone_runs (
  -- Place of the run in tree order.
  preorder,
  -- `check` (the last check failed), `run` (a run below never ended) or `todo` (its own list has open items).
  kind,
  -- The span that shows it.
  open_preorder,
  -- What is open, in a few words.
  what
) AS
WITH checks AS (
  SELECT
    preorder, trace_id, agent_name, tool_name, start_time,
    coalesce(_says_check_failed(left(coalesce(tool_call_result, status_message), 20000)), false)
      OR coalesce(status_code = 'ERROR' AND regexp_matches(coalesce(error_type, regexp_extract(status_message, '^([A-Za-z_.]+):', 1)), '(check|tests?|assert(ion)?|validation|verification)_?(fail\w*|error)', 'i'), false) AS has_failed, left(coalesce(status_message, tool_call_result), 300) AS words
  FROM spans
  WHERE operation_name = 'execute_tool' AND _is_check(tool_name, tool_call_arguments)
),
judged AS (
  SELECT checks.*, run_preorder
  FROM checks
  JOIN _runs_of_calls((SELECT list(DISTINCT trace_id) FROM checks WHERE has_failed)) USING (preorder)
),
last_checks AS (
  FROM judged
  QUALIFY row_number() OVER (PARTITION BY run_preorder ORDER BY start_time DESC, preorder DESC) = 1
),
open_runs AS (
  SELECT preorder, depth, agent_name, name FROM spans WHERE operation_name = 'invoke_agent' AND end_time IS NULL AND start_time IS NOT NULL AND depth > 0
),
lists AS (
  SELECT preorder, trace_id, tool_call_arguments, start_time
  FROM spans
  WHERE operation_name = 'execute_tool' AND regexp_matches(tool_name, '^(TodoWrite|todo_write|write_todos|update_plan|update_todos?|manage_todo_list)$')
),
last_lists AS (
  SELECT lists.*, run_preorder
  FROM lists
  JOIN _runs_of_calls((SELECT list(DISTINCT trace_id) FROM lists)) USING (preorder)
  QUALIFY row_number() OVER (PARTITION BY run_preorder ORDER BY start_time DESC, preorder DESC) = 1
)
SELECT run_preorder, 'check', preorder, tool_name || ' said: ' || words
FROM last_checks
WHERE has_failed
UNION ALL
SELECT above.preorder, 'run', open_runs.preorder, 'the run of ' || coalesce(open_runs.agent_name, open_runs.name, 'an agent') || ' below it never ended'
FROM open_runs
JOIN spans AS above ON above.operation_name = 'invoke_agent' AND above.end_time IS NOT NULL AND above.preorder < open_runs.preorder AND open_runs.preorder < above.subtree_end
UNION ALL
SELECT run_preorder, 'todo', preorder, len(regexp_extract_all(tool_call_arguments, '"status"\s*:\s*"pending"')) || ' items of its own list are pending'
FROM last_lists
WHERE regexp_matches(tool_call_arguments, '"status"\s*:\s*"pending"');

-- Why premature completion cannot be looked for; no reason when all is there.
CREATE VIEW _needs_premature_complete (
  -- False where nothing can be found for lack of evidence.
  can_look,
  -- Why, in one sentence.
  reason
) AS
SELECT
  reports + words + beats > 0,
  CASE WHEN reports + words + beats = 0 THEN 'the logs hold neither reports of an agent that claim a status nor runs with recorded last words'
    ELSE _unjudged('reports', reports + nameless, nameless, 'no agent recorded') END
FROM (
  SELECT
    (SELECT count(*) FROM status_reports WHERE kind <> 'heartbeat' AND status IS NOT NULL AND agent_name IS NOT NULL) AS reports,
    (SELECT count(*) FROM status_reports WHERE kind <> 'heartbeat' AND status IS NOT NULL AND agent_name IS NULL) AS nameless,
    (SELECT count(*) FROM status_reports WHERE kind = 'heartbeat' AND agent_name IS NOT NULL AND detail IS NOT NULL AND is_done(status)) AS beats,
    (SELECT least((SELECT count(*) FROM span_messages WHERE direction = 'output'), (SELECT count(*) FROM spans WHERE operation_name = 'invoke_agent'))) AS words
);

-- What was made of every claim, as one row: whether anything could be judged (`can_look`), what was left out (`reason`), and the `findings`, a list.
CREATE MACRO _verdict_premature_complete() AS TABLE
WITH claims AS MATERIALIZED (
  SELECT *, row_number() OVER () AS number
  FROM status_reports
  WHERE kind <> 'heartbeat' AND is_done(status) AND agent_name IS NOT NULL
),
wave_runs AS MATERIALIZED (
  SELECT wave, spans.*
  FROM spans
  JOIN _wave_of_trace USING (trace_id)
  WHERE operation_name = 'invoke_agent' AND EXISTS (FROM claims WHERE claims.wave = _wave_of_trace.wave AND claims.agent_name = spans.agent_name)
),
undone AS MATERIALIZED (FROM _undone_runs),
runs AS (
  SELECT
    wave, agent_name, bool_and(status_code = 'ERROR' AND NOT is_control_flow OR end_time IS NULL) AS has_failed,
    arg_max({'span_id': span_id, 'trace_id': trace_id, 'preorder': preorder, 'status_code': status_code, 'status_message': status_message, 'end_time': end_time,
      'source_id': source_id, 'source_line': source_line, 'source_offset': source_offset, 'source_length': source_length}, preorder) AS run
  FROM wave_runs
  GROUP BY wave, agent_name
),
-- Files among the deliverables, and what became of them.
files AS (
  SELECT number, wave, agent_name, time, file, regexp_extract(file, '[^/]+$') AS base
  FROM (SELECT number, wave, agent_name, time, unnest(list_transform(deliverables, lambda item: regexp_extract(trim(item), '^[`"'']?([\w./-]*\w\.[a-z][a-z0-9]{0,4})\b', 1))) AS file FROM claims)
  WHERE file <> '' AND strlen(file) > 4
),
calls AS MATERIALIZED (
  SELECT wave, spans.*
  FROM spans
  JOIN _wave_of_trace USING (trace_id)
  WHERE operation_name = 'execute_tool' AND tool_call_arguments IS NOT NULL AND wave IN (SELECT wave FROM files)
),
sought AS (
  SELECT
    number, file,
    arg_min({'span_id': calls.span_id, 'trace_id': calls.trace_id, 'source_id': source_id, 'source_line': source_line, 'source_offset': source_offset,
      'source_length': source_length, 'says': tool_name || ' ' || _short(tool_call_arguments, 120) || ': ' || coalesce(status_message, 'failed')}, start_time)
      FILTER (status_code = 'ERROR' AND start_time >= time AND error_class(error_type, coalesce(status_message, tool_call_result), operation_name) = 'not found') AS absent,
    bool_or(contains(tool_call_arguments, base)) AS is_named, bool_or(calls.agent_name = files.agent_name) AS is_logged,
    bool_or(contains(tool_call_arguments, base) AND status_code <> 'ERROR') AS was_there
  FROM files
  JOIN calls ON calls.wave = files.wave AND (contains(tool_call_arguments, base) OR calls.agent_name = files.agent_name)
  GROUP BY number, file
),
missing AS (
  SELECT number, arg_min(file, (absent IS NULL, file)) AS file, arg_min(absent, (absent IS NULL, file)) AS absent
  FROM sought
  WHERE (absent IS NOT NULL AND NOT was_there) OR (is_logged AND NOT is_named)
  GROUP BY number
),
open_checks AS (
  SELECT claims.number, arg_max({'preorder': open_preorder, 'what': what}, open_preorder) AS open_check
  FROM claims
  JOIN wave_runs AS run USING (wave, agent_name)
  JOIN undone ON undone.preorder = run.preorder AND undone.kind = 'check'
  JOIN spans AS checking ON checking.preorder = open_preorder AND checking.start_time <= coalesce(claims.time, checking.start_time)
  GROUP BY claims.number
),
-- Whoever reported to the one that claims, was not done before the claim and is not after it, with the same trouble or the same work; the last claim of a
-- wave (else: in its source) counts, where it speaks neither of that agent, nor of its matter, nor of anything left.
last_claims AS (
  SELECT number, wave, time, agent_name, CASE WHEN wave IS NULL THEN source_id END AS place, _words_of_report(detail, deliverables, blockers, next_action) AS words
  FROM claims
  WHERE time IS NOT NULL
  QUALIFY row_number() OVER (PARTITION BY wave, place, agent_name ORDER BY time DESC, source_id, source_offset DESC) = 1
),
open_subtasks AS (
  SELECT number, arg_max({'agent_name': below.agent_name, 'status': below.status, 'time': below.time, 'next_time': below.next.time, 'source_id': below.source_id, 'source_line': below.source_line,
    'source_offset': below.source_offset, 'source_length': below.source_length, 'words': below.words}, (below.time, below.source_id, below.source_offset)) AS subtask
  FROM last_claims
  JOIN (
    SELECT
      *, CASE WHEN wave IS NULL THEN source_id END AS place, _words_of_report(detail, deliverables, blockers, next_action) AS words,
      lead({'time': time, 'status': status, 'said': concat_ws(' ', detail, next_action)}) OVER (PARTITION BY wave, place, agent_name ORDER BY time, source_id, source_offset) AS next
    FROM status_reports
    WHERE kind <> 'heartbeat' AND time IS NOT NULL AND recipient IS NOT NULL AND status IS NOT NULL
  ) AS below ON below.wave IS NOT DISTINCT FROM last_claims.wave AND below.place IS NOT DISTINCT FROM last_claims.place
    AND below.recipient = last_claims.agent_name AND below.time <= last_claims.time AND below.next.time > last_claims.time
  WHERE (is_trouble(below.status) AND is_trouble(below.next.status)
      OR NOT is_done(below.status) AND NOT is_resting(below.status) AND below.next.status = below.status AND below.next.said = concat_ws(' ', below.detail, below.next_action) AND below.next.said <> '')
    AND NOT contains(lower(last_claims.words), lower(below.agent_name)) AND NOT _owns_up(last_claims.words)
    AND NOT list_has_any(regexp_extract_all(below.words, '[\pL-]*\d[\pL\d-]+'), regexp_extract_all(last_claims.words, '[\pL-]*\d[\pL\d-]+'))
  GROUP BY number
),
judged AS (
  SELECT
    claims.*, run, coalesce(has_failed, false) AS has_failed, missing.file, missing.absent, open_check, subtask,
    open_blockers(blockers) AS open_blockers
  FROM claims
  LEFT JOIN runs USING (wave, agent_name)
  LEFT JOIN missing USING (number)
  LEFT JOIN open_checks USING (number)
  LEFT JOIN open_subtasks USING (number)
),
-- Runs that end with a claim. Their last words: their own output, else that of their last model call.
suspects AS MATERIALIZED (
  SELECT undone.*, run.trace_id, run.subtree_end, run.agent_name
  FROM undone
  JOIN spans AS run ON run.preorder = undone.preorder
  WHERE (run.end_time IS NOT NULL OR run.start_time IS NULL) AND run.status_code <> 'ERROR'
),
last_words AS (
  SELECT suspects.preorder, arg_max(message_hash, (said.preorder = suspects.preorder, said.start_time, said.preorder, position)) AS message_hash
  FROM (SELECT DISTINCT preorder, trace_id, subtree_end, agent_name FROM suspects) AS suspects
  JOIN spans AS said ON said.trace_id = suspects.trace_id AND said.preorder >= suspects.preorder AND said.preorder < suspects.subtree_end
    AND said.agent_name IS NOT DISTINCT FROM suspects.agent_name
  JOIN span_messages ON span_messages.trace_id = said.trace_id AND span_messages.span_id = said.span_id AND direction = 'output'
  GROUP BY suspects.preorder
),
told AS MATERIALIZED (
  SELECT *, length(words) > 0 AND _claims_done(right(words, 1500)) AS is_claim, may_pass_over AND coalesce(_passes_over(what, words), false) AS is_passed_over
  FROM (
    SELECT
      suspects.*, nullif(trim(array_to_string(parts->>'$[*].content', ' ')), '') AS words,
      kind = 'check' AND NOT EXISTS (FROM spans AS after WHERE after.operation_name = 'execute_tool' AND after.preorder > open_preorder AND after.preorder < suspects.subtree_end) AS may_pass_over
    FROM suspects
    LEFT JOIN last_words USING (preorder)
    LEFT JOIN messages USING (message_hash)
  )
),
boasts AS (
  FROM told
  WHERE is_claim OR (is_passed_over AND _is_understood(words))
  QUALIFY row_number() OVER (PARTITION BY preorder ORDER BY kind, open_preorder) = 1
),
-- The last report of an agent in a wave, where it calls done what by its own numbers is not; a beat says it again and again.
short_reports AS (
  SELECT *, TRY_CAST(share.done AS BIGINT) AS done, TRY_CAST(share.whole AS BIGINT) AS whole
  FROM (
    SELECT
      wave, agent_name, status, detail, time, source_id, source_line, source_offset, source_length, _share_done(detail) AS share,
      min(time) OVER (PARTITION BY wave, agent_name, status, detail) AS first_time
    FROM status_reports
    WHERE agent_name IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY wave, agent_name ORDER BY time DESC NULLS LAST, source_id, source_offset DESC) = 1
  )
  WHERE is_done(status) AND TRY_CAST(share.done AS BIGINT) < TRY_CAST(share.whole AS BIGINT)
),
-- A claim is understood in English only; that a failed check is passed over, in the languages in which owning up is.
counted AS (
  SELECT
    (SELECT count(*) FROM claims) + (SELECT count(*) FROM short_reports) AS reports, count(DISTINCT preorder) AS runs, count(DISTINCT preorder) FILTER (words IS NULL) AS wordless,
    count(DISTINCT preorder) FILTER (
      preorder NOT IN (SELECT preorder FROM boasts)
      AND CASE WHEN NOT _owns_up(words) THEN CASE WHEN may_pass_over THEN is_passed_over AND NOT _is_understood(words) ELSE NOT _is_english(words) END END
    ) AS in_other_tongues
  FROM told
),
accusations AS (
  SELECT
    CASE WHEN len(open_blockers) = 0 AND NOT has_failed AND open_check IS NULL AND absent IS NULL THEN 'candidate' ELSE 'proven' END AS tier,
    CASE WHEN len(open_blockers) = 0 AND NOT has_failed AND open_check IS NULL AND absent IS NULL THEN 'warning' ELSE 'critical' END AS severity,
    coalesce(CASE WHEN has_failed OR open_check IS NOT NULL THEN run.trace_id END, absent.trace_id) AS trace_id, judged.agent_name,
    list_filter([CASE WHEN has_failed OR open_check IS NOT NULL THEN run.span_id END, checking.span_id, absent.span_id], lambda id: id IS NOT NULL) AS span_ids,
    time AS start_time, time AS end_time,
    format('{} reported {}, but {}.', judged.agent_name, status, CASE
      WHEN len(open_blockers) > 0 THEN 'names a blocker: ' || _short(array_to_string(open_blockers, '; '), 120)
      WHEN has_failed AND run.end_time IS NULL THEN 'its run never ended'
      WHEN has_failed THEN 'its run failed' || coalesce(': ' || _short(run.status_message, 120), '')
      WHEN open_check IS NOT NULL THEN 'its last check failed: ' || _short(open_check.what, 120)
      WHEN absent IS NOT NULL THEN file || ' is not there'
      WHEN subtask IS NOT NULL THEN format('{} had reported {} to it at {} and did so again at {}', subtask.agent_name, subtask.status, _clock(subtask.time), _clock(subtask.next_time))
      ELSE 'no tool call of the wave names ' || file END) AS summary,
    list_filter([
      _evidence(judged.source_id, judged.source_line, judged.source_offset, judged.source_length, NULL, 'reported ' || status || coalesce(': ' || array_to_string(deliverables, '; '), '')),
      CASE WHEN has_failed THEN _evidence(run.source_id, run.source_line, run.source_offset, run.source_length, run.span_id,
        'the run: ' || run.status_code || coalesce(', ' || run.status_message, '')) END,
      CASE WHEN open_check IS NOT NULL THEN _evidence(checking.source_id, checking.source_line, checking.source_offset, checking.source_length, checking.span_id, open_check.what) END,
      CASE WHEN absent IS NOT NULL THEN _evidence(absent.source_id, absent.source_line, absent.source_offset, absent.source_length, absent.span_id, absent.says) END,
      CASE WHEN subtask IS NOT NULL THEN _evidence(subtask.source_id, subtask.source_line, subtask.source_offset, subtask.source_length, NULL,
        subtask.agent_name || ' reported ' || subtask.status || ': ' || subtask.words) END
    ], lambda piece: piece IS NOT NULL) AS evidence,
    NULL::BIGINT AS tokens_wasted, NULL::DOUBLE AS cost_usd_wasted
  FROM judged
  LEFT JOIN spans AS checking ON checking.preorder = open_check.preorder
  WHERE len(open_blockers) > 0 OR has_failed OR open_check IS NOT NULL OR file IS NOT NULL OR subtask IS NOT NULL
  UNION ALL
  SELECT
    CASE WHEN kind = 'todo' THEN 'event' WHEN is_claim THEN 'proven' ELSE 'candidate' END, CASE WHEN kind = 'todo' OR NOT is_claim THEN 'warning' ELSE 'critical' END, run.trace_id, run.agent_name,
    [open.span_id, run.span_id], open.start_time, run.end_time,
    format(CASE WHEN is_claim THEN '{} says that it is done, but {}.' ELSE '{} ended without a word of its last check: {}.' END, coalesce(run.agent_name, 'An agent'), _short(what, 160)),
    [_evidence(open.source_id, open.source_line, open.source_offset, open.source_length, open.span_id, what),
     _evidence(run.source_id, run.source_line, run.source_offset, run.source_length, run.span_id, 'its last words: ' || words)],
    NULL, NULL
  FROM boasts
  JOIN spans AS run ON run.preorder = boasts.preorder
  JOIN spans AS open ON open.preorder = open_preorder
  UNION ALL
  SELECT
    CASE WHEN done = 0 THEN 'proven' ELSE 'candidate' END, CASE WHEN done = 0 THEN 'critical' ELSE 'warning' END, NULL, agent_name, [], first_time, time,
    format('{} reported {}, but by its own numbers {} of {} is done: {}.', agent_name, status, done, whole, _short(detail, 120)),
    [_evidence(source_id, source_line, source_offset, source_length, NULL, 'reported ' || status || ': ' || detail)],
    NULL, NULL
  FROM short_reports
)
SELECT
  reports > 0 OR runs = 0 OR wordless + in_other_tongues < runs AS can_look,
  nullif(concat_ws('; ',
    _unjudged('runs with something undone', runs, wordless, 'no last words recorded'),
    _unjudged('runs with something undone', runs, in_other_tongues, 'last words in a language in which a claim is not understood')), '') AS reason,
  (SELECT list(accusations) FROM accusations) AS findings
FROM counted;

-- A report or the last words of a run claim that the work is done, and the log contradicts it: blockers are named, the run failed or never
-- ended, its last check failed, a deliverable is absent, or a subtask is open.
--
-- Means: the claim was made before, or regardless of, the result. Matters: whoever counts reports takes it as done.
-- For reports: (a) the report itself names blockers, or says that none of the whole is done (`0 of 12 labels printed`; some of it: tier candidate; heartbeats as well, the last one of an agent), (b) the agent's run of that wave failed or never ended, (c) its last check before the report
-- failed, (d) a file that it names as deliverable is looked for afterwards and not found (all tier proven), or (e) is named by no tool call of the wave although
-- the agent's calls are logged, or (j) another agent had reported trouble or the same unfinished work to this one and does so again after its last report (both tier candidate). For last words of runs in plain words (all done, tests pass), which admit nothing:
-- (f) the last check in the run failed, (g) a run below never ended (tier proven), (h) its own list has pending items (tier event); and for last words of any
-- kind, (i) the failed check was the last thing the run did and they pass over it (tier candidate). One finding a claim. Severity: critical, for candidates and (h) warning.
-- Example: the report says COMPLETE and names a blocker; or `run_tests` says 2 failed, and the last words are `all tests pass`.
-- Leaves alone: reports without blockers whose run ended well; checks that passed at last, or could not be run; last words that admit a failure or name what is
-- left; numbers with a word on why the others are not done, and parts of the work (`part 2 of 3`); runs that are known to no wave; an agent that ran again with success in that wave.
-- Misses: wrong deliverables; checks whose result does not begin with so plain a word as Fehler, échec, fallo, errore or falha, nor say in English that something failed; claims in other languages than English, but for (i): `checks` counts the runs that end in such words.
-- Do: reopen the task; count as done only what a check after the last change confirms.
-- scope: fleet
-- version: 8
CREATE MACRO detect_premature_complete() AS TABLE
SELECT unnest(findings, max_depth := 2) FROM _verdict_premature_complete();
