-- Calls that answered with a failure, though nothing marks them as failed.
-- include: spans.errors
-- include: spans.actions
-- include: agents.handoffs
-- include: recovery.shell_acts

-- The state in which something ended badly, where an answer tells of one thing's state: a short text, or an object (JSON) with one state in it. '' else.
CREATE MACRO _failed_state(said) AS
CASE
  WHEN strlen(said) < 4000 AND starts_with(ltrim(left(said, 20)), '{') THEN
    CASE WHEN len(regexp_extract_all(said, '"(status|state|phase|outcome|conclusion)"\s*:\s*"')) = 1
      THEN regexp_extract(said, '(?i)"(?:status|state|phase|outcome|conclusion)"\s*:\s*"(\w*fail\w*|error(?:ed)?|abort(?:ed)?|crash(?:ed)?|killed|cancell?ed|timed?[ _-]?out)"', 1) ELSE '' END
  WHEN strlen(said) < 400 AND NOT regexp_matches(said, '(?i)\b(no|0|zero|without|not|never)\s+(errors?|failures?|failed)\b') THEN
    regexp_extract(said, '(?i)(?:\b(?:status|state|outcome|conclusion|phase|result|is|has|ended|finished|exited|completed|with|was)\b[\s:=]{1,3}|[:=>]\s*)(failed|failure|errored|aborted|crashed|killed|cancell?ed|timed[ _-]?out)\b', 1)
  ELSE ''
END;

-- The line in which a program says, at the end of its output, that it could not do what it was to do; '' where it says no such thing.
CREATE MACRO _last_complaint(said) AS
regexp_extract(right(said, 800), '(?m)^\s*((?:[\w./-]+: )?(?:error|fatal|abort(?:ed|ing)?)(?:\[\w+\])?: \S.*|! \[(?:remote )?rejected\].*|[\w.-]+ ERR! .*|make(?:\[\d+\])?: \*\*\* .*|Traceback \(most recent call last\):.*|\S.*: (?:command not found|permission denied|no such file or directory)|(?:process |command )?(?:exited|failed|finished)? ?(?:with )?exit (?:code|status):? [1-9]\d*)\s*$', 1, 'i');

-- Whether the commands of a shell line show what is written elsewhere: what they print are not their own words.
CREATE MACRO _only_shows(acts) AS
len(list_filter(acts, lambda act: NOT regexp_matches(act[1] || ' ' || act[2], '^(git|gh|docker|kubectl|podman|systemctl|journalctl|dmesg|jq|strings|zcat|zless|less|more|nl|history|man|curl|wget)( (log|logs|show|diff|view|blame|describe|status|list|run|get|grep|stash|help)?)$'))) = 0;

-- Whether a tool asks for leave: for an approval, a permission, a confirmation.
CREATE MACRO _asks_for_leave(tool) AS
_asks_a_person(tool) OR coalesce(regexp_matches(_tool_words(tool), ' (approvals?|permissions?|authori[sz]ation|confirmation|consent|clearance|sign ?off) | (ask|request) (leave|confirm|approve) '), false);

-- Whether a short answer says in words that what was to be done was not done or not taken.
CREATE MACRO _says_not_done(said) AS
strlen(said) < 400 AND regexp_matches(said, '(?i)\b(was|were|is|are|been|could|has|have) ?(not|n.t)( be| been)? (accepted|saved|sent|stored|processed|completed|applied|uploaded|delivered|submitted|created|updated|published|booked|written|imported)\b|\b(was|were|been) (rejected|refused|declined)\b');

-- Whether a call reads a log, by the name of what it reads.
CREATE MACRO _reads_a_log(tool, arguments) AS
coalesce(_resource_access(tool) = 'read' AND regexp_matches(_resource_named(TRY_CAST(arguments AS JSON)), '(?i)\blogs?\b|\.(log|out|err)$'), false);

-- Calls that answered with a failure though nothing marks them as failed: by the first words of the answer, by an object that denies success; by words that it was not done; by the last words of a program
-- in a shell; by the state in which something ended that they had asked for. What a shell line or a tool reads out of a log are no words of its own.
CREATE VIEW _failures_told (
  -- Place of the call in tree order.
  preorder,
  -- Its trace.
  trace_id,
  -- What it answered, or the part that tells.
  message
) AS
WITH answers AS (
  SELECT
    preorder, trace_id, agent_name, tool_name, tool_call_arguments AS arguments, tool_call_result AS said, _answers_with_failure(tool_call_result) AS says_so,
    _says_not_done(tool_call_result) AS is_undone, _last_complaint(tool_call_result) AS complaint, _failed_state(tool_call_result) AS state
  FROM spans
  WHERE operation_name = 'execute_tool' AND status_code <> 'ERROR' AND subtree_end = preorder + 1 AND tool_call_result <> ''
),
telling AS MATERIALIZED (
  SELECT *, _shell_command(tool_name, arguments, TRY_CAST(arguments AS JSON)) AS command
  FROM answers
  WHERE says_so OR is_undone OR complaint <> '' OR state <> ''
),
acting AS (SELECT *, _shell_acts(command) AS acts FROM telling),
-- What was asked before as well, and had another state then, is watched.
watched AS (
  SELECT DISTINCT telling.preorder
  FROM (FROM telling WHERE state <> '') AS telling
  JOIN (SELECT preorder, trace_id, agent_name, tool_name, tool_call_arguments, tool_call_result FROM spans WHERE operation_name = 'execute_tool') AS before
    ON before.trace_id = telling.trace_id AND before.tool_name = telling.tool_name AND before.tool_call_arguments = telling.arguments
      AND before.agent_name IS NOT DISTINCT FROM telling.agent_name AND before.preorder < telling.preorder
  WHERE before.tool_call_result <> said AND coalesce(_failed_state(before.tool_call_result), '') = ''
)
SELECT
  preorder, trace_id, CASE WHEN says_so OR is_undone OR complaint = '' THEN said ELSE trim(complaint) END
FROM acting
WHERE CASE
  WHEN command IS NOT NULL THEN len(acts) > 0 AND NOT _only_shows(acts) AND (says_so OR complaint <> '')
  WHEN is_undone AND _resource_access(tool_name) IS DISTINCT FROM 'read' AND NOT _asks_for_leave(tool_name) THEN true
  ELSE says_so AND NOT _reads_a_log(tool_name, arguments)
END OR (state <> '' AND (_is_waiting(tool_name, arguments) OR preorder IN (SELECT preorder FROM watched)));
