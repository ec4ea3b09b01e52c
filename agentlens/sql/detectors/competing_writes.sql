-- Two agents that write the same thing over each other.
-- include: detectors.evidence
-- include: flow.resources
-- include: agents.handoffs
-- include: messages.span_messages

-- The path, file or memory key that the arguments of a tool call name; NULL where they name none.
CREATE MACRO _path_of(arguments) AS
CASE WHEN json_valid(arguments) THEN coalesce(
  arguments->>'$.path', arguments->>'$.file_path', arguments->>'$.arguments.path', arguments->>'$.filename', arguments->>'$.file', arguments->>'$.memory_key', arguments->>'$.key', arguments->>'$.arguments.key',
  CASE WHEN len(_path_like_arguments(arguments)) = 1 THEN _path_like_arguments(arguments)[1] END
) END;

-- Whether a tool replaces what stands there, by its name; edits of a part and appending do not.
CREATE MACRO _replaces(tool) AS
regexp_matches(tool, '(^|_)(write|save|create|overwrite|put|store|upload|set)(_|$)|^(Write|WriteFile|SaveFile|writeFile|saveFile|putObject|setKey|setMemory)$')
OR (_resource_access(tool) = 'write' AND NOT regexp_matches(_tool_words(tool), ' (append|edit|multi|update|insert|replace|patch|publish|persist|remember|memorize|memorise) '));

-- The path that a call of such a tool names.
CREATE MACRO _written_path(tool, arguments) AS CASE WHEN _replaces(tool) THEN _path_of(arguments) END;

-- Whether a tool call was given a thing to write to and a text, and its result counts the bytes or characters of that very text: it was kept, whatever
-- the tool is called. Arguments as JSON.
CREATE MACRO _counts_what_it_kept(tool, arguments, result) AS
coalesce(length(result) < 400 AND json_type(arguments) = 'OBJECT' AND NOT regexp_matches(_tool_words(tool), ' (append|add|post|send|log|edit|multi|update|insert|replace|patch|anhaengen|hinzufuegen|ajouter|anadir|agregar|aggiungi|anexar) ')
  AND len(list_filter(json_extract_string(arguments, '$.*'), lambda said: length(said) >= 20 AND said <> _path_of(arguments)
    AND list_has_any(regexp_extract_all(result, '\d+'), [length(said)::VARCHAR, strlen(said)::VARCHAR]))) > 0, false);

-- Why competing writes cannot be looked for; no reason when all is there.
CREATE VIEW _needs_competing_writes (
  -- False where nothing can be found for lack of evidence.
  can_look,
  -- Why, in one sentence.
  reason
) AS
WITH writers AS (SELECT tool_name FROM (SELECT DISTINCT tool_name FROM spans WHERE operation_name = 'execute_tool') WHERE _replaces(tool_name))
SELECT
  writes > 0 AND timed > 0 AND named > 0,
  CASE
    WHEN calls = 0 THEN 'the logs hold no tool calls'
    WHEN writes = 0 THEN 'no tool call writes to a path that its arguments name'
    WHEN timed = 0 THEN 'no tool call has a time recorded'
    WHEN named = 0 THEN 'no tool call names its agent'
    ELSE nullif(concat_ws('; ', _untimed('tool calls', calls, timed), _unjudged('tool calls', calls, calls - named, 'no agent recorded')), '')
  END
FROM (SELECT count(*) AS calls, count(start_time) AS timed, count(agent_name) AS named FROM spans WHERE operation_name = 'execute_tool'), (
  SELECT
    -- One is enough to look.
    (SELECT count(*) FROM (
      (SELECT 1 FROM spans SEMI JOIN writers USING (tool_name) WHERE operation_name = 'execute_tool' AND _path_of(tool_call_arguments) IS NOT NULL LIMIT 1)
      UNION ALL
      (SELECT 1 FROM spans WHERE operation_name = 'execute_tool' AND length(tool_call_result) < 400
        AND _counts_what_it_kept(tool_name, TRY_CAST(tool_call_arguments AS JSON), tool_call_result) LIMIT 1))) AS writes
);

-- One agent writes a path that another has written before in the same trace, without reading it in between.
--
-- Means: the second did not know of the first, and what the first wrote is gone. Matters: the loss is silent, both report success.
-- One finding a path and trace. Tier proven where the names of both tools say that they write, candidate where only their results do, by counting the
-- bytes or characters of what they were given. Severity warning.
-- Example: Apollo writes `site/page.md` at 14:31, Prometheus writes it at 14:39 without having read it.
-- Leaves alone: one agent writing twice; a read of the path, or any other call that names the file, by the second agent between the writes; a second text that holds the first, or whose writer had been
-- given the first (as the answer of a helper, or in its brief) or had a brief that names the file and its first writer; edits and appending; failed writes.
-- Misses: writes by a shell, by tools that say it neither by their names, in the plainest words of six languages, nor by counting what they wrote, paths under two names, writes in different traces.
-- Do: compare both contents: what the first wrote is gone; give every file one owner.
-- scope: trace
-- version: 5
CREATE MACRO detect_competing_writes() AS TABLE
WITH touches AS (
  SELECT
    trace_id, span_id, agent_name, start_time, end_time, tool_name, preorder, source_id, source_line, source_offset, source_length,
    path, is_named OR _counts_what_it_kept(tool_name, TRY_CAST(tool_call_arguments AS JSON), tool_call_result) AS is_write, is_named
  FROM (SELECT *, _path_of(tool_call_arguments) AS path, _written_path(tool_name, tool_call_arguments) IS NOT NULL AS is_named FROM spans
    WHERE operation_name = 'execute_tool' AND status_code <> 'ERROR' AND agent_name IS NOT NULL AND start_time IS NOT NULL)
  WHERE path IS NOT NULL
),
-- For each touch, the last write of the path by anybody, and the last time this agent read or wrote it itself.
seen AS (
  SELECT
    *,
    last_value(CASE WHEN is_write THEN {'agent_name': agent_name, 'span_id': span_id, 'preorder': preorder, 'time': coalesce(end_time, start_time), 'source_id': source_id,
      'source_line': source_line, 'source_offset': source_offset, 'source_length': source_length, 'is_named': is_named} END IGNORE NULLS) OVER on_path AS written,
    max(start_time) OVER by_agent AS own_last
  FROM touches
  WINDOW
    on_path AS (PARTITION BY trace_id, path ORDER BY start_time, preorder ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
    by_agent AS (PARTITION BY trace_id, path, agent_name ORDER BY start_time, preorder ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
),
unread AS MATERIALIZED (
  SELECT *
  FROM seen
  WHERE is_write AND written IS NOT NULL AND written.agent_name <> agent_name
    AND (own_last IS NULL OR own_last < written.time)
),
-- What both wrote. Who was handed the text of the first by other ways, or has it in its own, knew of it.
texts AS (
  SELECT unread.preorder, unread.trace_id, unread.agent_name, written.time AS since, unread.start_time AS until, _written_text(first_write.tool_call_arguments) AS first_text,
    _written_text(second_write.tool_call_arguments) AS second_text
  FROM unread
  JOIN spans AS first_write ON first_write.preorder = written.preorder
  JOIN spans AS second_write ON second_write.preorder = unread.preorder
),
knowing AS (
  SELECT preorder FROM texts WHERE length(first_text) >= 20 AND contains(second_text, first_text)
  UNION
  SELECT texts.preorder
  FROM texts
  JOIN spans AS told ON told.trace_id = texts.trace_id AND told.operation_name = 'execute_tool'
    AND coalesce(told.end_time, told.start_time) >= since AND told.start_time <= until
  WHERE length(split_part(first_text, chr(10), 1)) >= 30 AND (
    (told.agent_name = texts.agent_name AND told.end_time <= until AND contains(told.tool_call_result, left(split_part(first_text, chr(10), 1), 200)))
    OR (told.start_time >= since AND _is_handoff_tool(told.tool_name) AND contains(told.tool_call_arguments, left(split_part(first_text, chr(10), 1), 200))))
),
-- Who named the file in another call between the writes, to a shell for instance, had a look at it.
looking AS (
  SELECT DISTINCT unread.preorder
  FROM unread
  JOIN spans AS look ON look.trace_id = unread.trace_id AND look.operation_name = 'execute_tool' AND look.agent_name = unread.agent_name
    AND look.start_time >= written.time AND look.start_time < unread.start_time
  WHERE look.status_code <> 'ERROR' AND _replaces(look.tool_name) IS NOT TRUE AND contains(look.tool_call_arguments, regexp_extract(path, '[^/]+$'))
),
-- Who was told of the file and of who had written it, was to write it anew.
sent AS (
  SELECT DISTINCT unread.preorder
  FROM unread
  JOIN spans AS own ON own.trace_id = unread.trace_id AND own.agent_name = unread.agent_name AND own.operation_name <> 'execute_tool' AND own.start_time <= unread.start_time
  JOIN span_messages ON span_messages.trace_id = own.trace_id AND span_messages.span_id = own.span_id AND direction = 'input'
  JOIN messages USING (message_hash)
  WHERE role = 'user' AND NOT contains(parts::VARCHAR, '"tool_call_response"') AND contains(parts::VARCHAR, regexp_extract(path, '[^/]+$'))
    AND regexp_matches(parts::VARCHAR, '\b' || regexp_escape(written.agent_name) || '\b')
),
clashes AS (FROM unread WHERE preorder NOT IN (FROM knowing) AND preorder NOT IN (FROM looking) AND preorder NOT IN (FROM sent)),
told AS (
  SELECT
    trace_id, path, bool_or(is_named AND written.is_named) AS is_plain, arg_min(agent_name, preorder) AS agent_name, min(written.time) AS start_time,
    max(coalesce(end_time, start_time)) AS end_time, list_sort(list_distinct(list_concat(list(agent_name), list(written.agent_name)))) AS agents,
    flatten(list([written.span_id, span_id] ORDER BY start_time, preorder)) AS span_ids,
    flatten(list([
      _evidence(written.source_id, written.source_line, written.source_offset, written.source_length, written.span_id, written.agent_name || ' wrote ' || path),
      _evidence(source_id, source_line, source_offset, source_length, span_id, agent_name || ' wrote ' || path || ' without reading it')
    ] ORDER BY start_time, preorder)) AS evidence
  FROM clashes
  GROUP BY trace_id, path
)
SELECT
  CASE WHEN is_plain THEN 'proven' ELSE 'candidate' END AS tier, 'warning' AS severity, trace_id, agent_name, _first_of_each(span_ids) AS span_ids, start_time, end_time,
  format('{} wrote {} over each other; the later one had not read it in between.', array_to_string(agents, ' and '), path) AS summary,
  evidence, NULL::BIGINT AS tokens_wasted, NULL::DOUBLE AS cost_usd_wasted
FROM told;
