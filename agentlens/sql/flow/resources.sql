-- Files, memory entries and addresses that tool calls write and read.

-- The arguments of a tool call (JSON) that are written like a path or an address, whatever their keys.
CREATE MACRO _path_like_arguments(arguments) AS
list_distinct(list_filter(json_extract_string(arguments, '$.*'), lambda said: length(said) < 300
  AND regexp_full_match(said, '[a-z][a-z0-9+]*://\S+|[~\w.-]*(/[\w.@ -]+)+|[\w-]+(\.[\w-]+)*\.[A-Za-z][A-Za-z0-9]{0,4}') AND NOT regexp_full_match(said, '[\d/ .-]+')));

-- What the arguments of a tool call (JSON) name as the thing it works on, in the order the keys are believed; where no known key stands, the one
-- that is written like a path or an address.
CREATE MACRO _resource_named(arguments) AS
CASE WHEN json_type(arguments) = 'OBJECT' THEN coalesce(
  arguments->>'$.path', arguments->>'$.file_path', arguments->>'$.filepath', arguments->>'$.filename', arguments->>'$.file',
  arguments->>'$.notebook_path', arguments->>'$.target_file', arguments->>'$.output_path', arguments->>'$.memory_key',
  arguments->>'$.key', arguments->>'$.url', arguments->>'$.uri',
  CASE WHEN len(_path_like_arguments(arguments)) = 1 THEN _path_like_arguments(arguments)[1] END
) END;

-- The longest text that the arguments of a tool call hold, without what they name as the thing it works on: what was written. Arguments that are
-- no object are the text.
CREATE MACRO _written_text(arguments) AS
CASE
  WHEN json_type(TRY_CAST(arguments AS JSON)) = 'OBJECT' THEN trim(list_sort(list_transform(
    list_filter(json_extract_string(TRY_CAST(arguments AS JSON), '$.*'), lambda said: said IS DISTINCT FROM _resource_named(TRY_CAST(arguments AS JSON)) AND said IS NOT NULL),
    lambda said: {'length': length(said), 'said': said}))[-1].said)
  ELSE trim(arguments)
END;

-- One spelling for one place: no `./` in front, no doubled or closing slash, no blanks around.
CREATE MACRO _resource_spelling(named) AS
nullif(regexp_replace(regexp_replace(regexp_replace(trim(named), '^(\./)+', ''), '([^:])//+', '\1/', 'g'), '([^/:])/$', '\1'), '');

-- The words of a tool's name in lower case, between single blanks: `readFile`, `read_file` and `fs.read-file` begin with `read` or hold it.
CREATE MACRO _tool_words(tool) AS
' ' || lower(regexp_replace(regexp_replace(tool, '([a-z])([A-Z])', '\1 \2', 'g'), '[^A-Za-z0-9]+', ' ', 'g')) || ' ';

-- Whether a tool writes or reads what its arguments name, by the words of its name, English ones and the plainest German, French, Spanish, Italian
-- and Portuguese ones; NULL for neither. A tool that edits writes.
CREATE MACRO _resource_access(tool) AS
CASE
  WHEN regexp_matches(_tool_words(tool),
    ' (write|save|create|overwrite|put|store|upload|set|append|edit|multi|update|insert|replace|remember|memorize|memorise|persist|publish|patch|'
    || 'schreiben?|speichern?|sichern?|ablegen|anlegen|ecrire|enregistrer|sauvegarder|creer|escribir|guardar|grabar|crear|scrivi|scrivere|salva|salvare|crea|escrever|salvar|gravar|criar) ') THEN 'write'
  WHEN regexp_matches(_tool_words(tool),
    ' (read|open|view|load|cat|get|fetch|lookup|recall|download|retrieve|browse|import|'
    || 'lesen|laden|oeffnen|holen|abrufen|lire|ouvrir|charger|leer|abrir|cargar|leggi|leggere|apri|aprire|carica|ler|carregar) ') THEN 'read'
END;

-- Whether a result only says that something was done, and brings nothing back. Long ones, most of them, are not searched.
CREATE MACRO _is_receipt(result) AS
CASE WHEN strlen(result) < 240 THEN length(trim(result)) < 60 AND regexp_matches(result, '^\W*$|^\W*(ok|done|true|success\w*|accepted|queued|sent)\W*$|\b(saved|stored|sent|written|wrote|printed|created|updated|queued|accepted|posted|submitted|published|delivered|deleted)\b', 'i') ELSE false END;

-- What a shell command names behind the words that write a file: `> x`, `>> x`, `tee x`, and the files of a patch.
CREATE MACRO _written_by_shell(command) AS
list_concat(
  regexp_extract_all(command, '(?:^|[^0-9&=<>-])>{1,2}\s*([~\w./-]*[\w-]\.\w+)', 1),
  regexp_extract_all(command, '\btee\s+(?:-a\s+)?([~\w./-]*[\w-]\.\w+)', 1),
  regexp_extract_all(command, '(?m)^\*\*\* (?:Add|Update) File: (\S+)', 1)
);

-- What a shell command names behind the words that print a file: `cat x`, `head -5 x`, `tail x`, `nl x`, `sed -n 1,5p x`.
CREATE MACRO _read_by_shell(command) AS
regexp_extract_all(command, '(?:^|[\s;&|(])(?:cat|head|tail|less|nl|sed\s+-n)\s+(?:-\S+\s+|[''"]?[0-9$,]+p[''"]?\s+)*([~\w./-]*[\w-]\.\w+)', 1);

-- The shell command of a tool call, or the text of a patch; NULL for other calls. Arguments: the tool, its arguments as logged, and as JSON.
CREATE MACRO _shell_command(tool, logged, arguments) AS
CASE
  WHEN regexp_matches(_tool_words(tool), ' (bash|shell|exec|terminal|sh|command|patch|execute) ') THEN
    CASE WHEN json_type(arguments) = 'OBJECT' THEN coalesce(
      CASE WHEN json_type(arguments, '$.command') = 'ARRAY' THEN array_to_string(json_extract_string(arguments, '$.command[*]'), ' ') END,
      arguments->>'$.command', arguments->>'$.cmd', arguments->>'$.input', arguments->>'$.patch')
    ELSE logged END
END;

-- Every file, memory entry or address that a tool call wrote or read, as its arguments name it; failed calls touch nothing.
CREATE VIEW resource_touches (
  -- Trace of the call.
  trace_id,
  -- Span of the call.
  span_id,
  -- The agent that called.
  agent_name,
  -- The tool.
  tool_name,
  -- `write` or `read`; an edit is a write.
  access,
  -- Path, key or URL, in one spelling.
  resource,
  -- True where it was taken from the text of a shell command.
  is_shell,
  -- When it began (UTC).
  start_time,
  -- When it ended (UTC).
  end_time,
  -- Place in tree order.
  preorder
) AS
WITH calls AS (
  SELECT
    trace_id, span_id, agent_name, tool_name, start_time, end_time, preorder, _resource_access(tool_name) AS access,
    _resource_named(arguments) AS named, _shell_command(tool_name, tool_call_arguments, arguments) AS command
  FROM (SELECT *, TRY_CAST(tool_call_arguments AS JSON) AS arguments FROM spans)
  WHERE operation_name = 'execute_tool' AND status_code <> 'ERROR' AND tool_call_arguments IS NOT NULL
),
touched AS (
  SELECT *, named AS touched_name, access AS touched_access, false AS is_shell FROM calls WHERE named IS NOT NULL AND access IS NOT NULL
  UNION ALL
  SELECT *, unnest(list_distinct(_written_by_shell(command))), 'write', true FROM calls WHERE command IS NOT NULL
  UNION ALL
  SELECT *, unnest(list_distinct(_read_by_shell(command))), 'read', true FROM calls WHERE command IS NOT NULL
)
SELECT
  trace_id, span_id, agent_name, tool_name, touched_access, _resource_spelling(touched_name), is_shell, start_time, end_time, preorder
FROM touched
WHERE _resource_spelling(touched_name) IS NOT NULL;

-- Every tool call that was given a key (path, name) and something else, with the beginning of what it was given.
CREATE VIEW _kept_under (
  -- Place of the call in tree order.
  preorder,
  -- Trace of the call.
  trace_id,
  -- The tool.
  tool_name,
  -- The key, one of its arguments.
  key,
  -- The first line of another of its arguments, at most 200 characters.
  content,
  -- When it ended (UTC).
  done
) AS
WITH kept AS (
  SELECT preorder, trace_id, tool_name, coalesce(end_time, start_time) AS done, tool_call_result, list_distinct(json_extract_string(tool_call_arguments::JSON, '$.*')) AS given
  FROM spans
  WHERE operation_name = 'execute_tool' AND status_code <> 'ERROR' AND start_time IS NOT NULL AND json_valid(tool_call_arguments)
    AND json_type(tool_call_arguments::JSON) = 'OBJECT' AND len(json_keys(tool_call_arguments::JSON)) BETWEEN 2 AND 6
)
SELECT preorder, trace_id, tool_name, key, content, done
FROM (
  SELECT *, unnest(list_transform(given, lambda said: left(split_part(said, chr(10), 1), 200))) AS content
  FROM (SELECT *, unnest(list_filter(given, lambda said: length(said) BETWEEN 3 AND 300)) AS key FROM kept)
)
WHERE length(content) >= 8 AND content <> key AND NOT contains(coalesce(tool_call_result, ''), content);

-- Calls of one tool that are given the key of a call of another and answer with what that had been given: that was kept there, whatever the tools are called.
CREATE VIEW _flow_kept_and_found (
  -- Place of the keeping in tree order.
  from_preorder,
  -- Place of the finding in tree order.
  to_preorder,
  -- The key.
  resource
) AS
WITH asked AS (
  SELECT *, unnest(list_distinct(list_filter(json_extract_string(tool_call_arguments::JSON, '$.*'), lambda said: length(said) BETWEEN 3 AND 300))) AS key
  FROM spans
  WHERE operation_name = 'execute_tool' AND status_code <> 'ERROR' AND start_time IS NOT NULL AND length(tool_call_result) >= 8
    AND json_valid(tool_call_arguments) AND json_type(tool_call_arguments::JSON) = 'OBJECT'
)
SELECT DISTINCT kept.preorder AS from_preorder, asked.preorder AS to_preorder, asked.key
FROM asked
ASOF JOIN (
  SELECT key, done, any_value(preorder) AS preorder, any_value(tool_name) AS tool_name, list(content) AS contents FROM _kept_under GROUP BY key, done
) AS kept ON kept.key = asked.key AND kept.done <= asked.start_time
WHERE kept.tool_name <> asked.tool_name
  AND len(list_filter(kept.contents, lambda content: contains(asked.tool_call_result, content) AND NOT contains(asked.tool_call_arguments, content))) > 0;

-- Every reading of something that a tool call had written before, with the last such writing: in the same trace, else in an earlier one.
CREATE VIEW _flow_read_after_write (
  -- Place of the writing in tree order.
  from_preorder,
  -- Place of the reading in tree order.
  to_preorder,
  -- certain (same trace), likely (another trace, an absolute path, a key or a URL; or a shell command) or possible (another trace, a relative path).
  confidence,
  -- What was written and read.
  resource
) AS
WITH
  reads AS (FROM resource_touches WHERE access = 'read' AND start_time IS NOT NULL),
  writes AS (SELECT *, coalesce(end_time, start_time) AS done FROM resource_touches WHERE access = 'write' AND start_time IS NOT NULL),
  near AS (
    SELECT reads.preorder, reads.resource, writes.preorder AS from_preorder, writes.is_shell
    FROM reads
    ASOF JOIN writes ON writes.trace_id = reads.trace_id AND writes.resource = reads.resource AND writes.done <= reads.start_time
  ),
  far AS (
    SELECT reads.preorder, reads.resource, writes.preorder AS from_preorder, writes.is_shell
    FROM (FROM reads ANTI JOIN near USING (preorder, resource)) AS reads
    ASOF JOIN writes ON writes.resource = reads.resource AND writes.done <= reads.start_time
  )
SELECT DISTINCT
  linked.from_preorder, reads.preorder,
  CASE
    WHEN linked.is_near THEN CASE WHEN reads.is_shell OR linked.is_shell THEN 'likely' ELSE 'certain' END
    WHEN contains(reads.resource, '.') AND NOT regexp_matches(reads.resource, '^([/~]|[A-Za-z]:|[a-z]+://)') THEN 'possible'
    ELSE 'likely'
  END,
  reads.resource
FROM reads
JOIN (SELECT *, true AS is_near FROM near UNION ALL SELECT *, false FROM far) AS linked
  ON linked.preorder = reads.preorder AND linked.resource = reads.resource
UNION ALL
-- Where the names of the tools say nothing, what was kept and found says it.
SELECT from_preorder, to_preorder, 'likely', resource
FROM _flow_kept_and_found
ANTI JOIN reads ON reads.preorder = to_preorder AND reads.resource IN (SELECT resource FROM writes);
