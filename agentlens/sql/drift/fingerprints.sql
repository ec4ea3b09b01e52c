-- What each agent was made of: prompts, tools, models, parameters and programs, as the log shows them call by call.
-- include: drift.definitions
-- include: messages.span_messages
-- include: spans.kinds
-- include: messages.texts

-- Whether there may be a date, a time, a day of the week or a random id in a text: most have none, and are looked at once, not four times.
CREATE MACRO _may_hold_moments(said) AS
regexp_matches(said, '(?i)\d{4}-\d\d-\d|(january|february|march|april|may|june|july|august|september|october|november|december) \d|\d (january|february|march|april|may|june|july|august|september|october|november|december)|day\b|[0-9a-f]{8}-[0-9a-f]|[0-9a-f]{24}');

-- A prompt without what differs from run to run and means nothing: dates, times, days of the week and random ids.
CREATE MACRO _without_moments(said) AS
CASE WHEN _may_hold_moments(said) THEN regexp_replace(regexp_replace(regexp_replace(regexp_replace(said,
  '\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2})?([.,]\d+)?( ?(Z|UTC|[+-]\d{2}:?\d{2}))?)?', '<time>', 'g'),
  '(?i)\b(\d{1,2} )?(january|february|march|april|may|june|july|august|september|october|november|december) \d{1,2}(, \d{4})?\b|\b\d{1,2} (january|february|march|april|may|june|july|august|september|october|november|december)( \d{4})?\b', '<date>', 'g'),
  '(?i)\b(mon|tues|wednes|thurs|fri|satur|sun)day\b', '<day>', 'g'),
  '(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|\b[0-9a-f]{24,}\b', '<id>', 'g') ELSE said END;

-- The sentences and lines of a text, one an entry, without spaces around them; some are empty. Without tabs and the like the places can be found
-- without patterns, and as most have no space behind them, the slow search for one is left out there.
CREATE MACRO _sentences(said) AS
list_transform(
  string_split(CASE WHEN contains(said, chr(9)) OR contains(said, chr(12)) OR contains(said, chr(13)) THEN regexp_replace(said, '([.!?;:])\s+', '\1' || chr(10), 'g')
    ELSE replace(replace(replace(replace(replace(said, '. ', '.' || chr(10)), '! ', '!' || chr(10)), '? ', '?' || chr(10)), '; ', ';' || chr(10)), ': ', ':' || chr(10)) END, chr(10)),
  lambda line: ltrim(CASE WHEN ends_with(line, ' ') THEN rtrim(line) ELSE line END)
);

-- The tools a model was offered, one line a tool in alphabetical order (name and definition); NULL where the log does not say.
-- Argument: the attributes of the call.
CREATE MACRO _tool_lines(attributes) AS
list_sort(coalesce(
  list_transform(
    TRY_CAST(coalesce(
      attributes->>'$."gen_ai.tool.definitions"', TRY_CAST(attributes->>'$.model_request_parameters' AS JSON)->>'$.function_tools',
      attributes->>'$."ai.prompt.tools"', attributes->>'$."llm.tools"', attributes->>'$.tools'
    ) AS JSON[]),
    lambda tool: concat_ws(': ', coalesce(tool->>'$.name', tool->>'$.function.name', TRY_CAST(tool->>'$' AS JSON)->>'$.name'), tool->>'$')
  ),
  nullif(list_transform(
    list_filter(json_keys(attributes), lambda key: regexp_matches(key, '^llm\.(tools\.\d+\.tool\.json_schema|request\.functions\.\d+\.\w+)$')),
    lambda key: regexp_replace(key, '^llm\.(tools|request\.functions)\.', '') || ': ' || (attributes->>('$."' || key || '"'))
  ), [])
));

-- What attributes say of versions, read in one pass: parameters 1 to 13 (as `_sampling` names them), the commit 14 to 17, the program 18.
CREATE MACRO _said_of_versions(attributes) AS
json_extract_string(attributes, [
  '$."gen_ai.request.frequency_penalty"', '$."gen_ai.request.max_tokens"', '$."llm.invocation_parameters"', '$.modelParameters.max_tokens',
  '$."gen_ai.request.presence_penalty"', '$."gen_ai.request.reasoning_effort"', '$."gen_ai.request.seed"', '$."gen_ai.request.stop_sequences"',
  '$."gen_ai.request.temperature"', '$.modelParameters.temperature', '$."gen_ai.request.top_k"', '$."gen_ai.request.top_p"', '$.modelParameters.top_p',
  '$."vcs.ref.head.revision"', '$."git.commit.sha"', '$.git.commit_hash', '$.base_commit', '$.cli_version'
]);

-- What the resource of a span says of its program, read in one pass: version of the service, name and version of the instrumentation, commit.
CREATE MACRO _said_of_programs(resource) AS
json_extract_string(resource, ['$."service.version"', '$."scope.name"', '$."scope.version"', '$."vcs.ref.head.revision"', '$."vcs.repository.ref.revision"']);

-- The parameters a model was asked with, as `name=value` in alphabetical order; NULL where the log does not say. Argument: what
-- `_said_of_versions` found.
CREATE MACRO _sampling(said) AS
nullif(concat_ws(', ',
  'frequency_penalty=' || said[1],
  'max_tokens=' || coalesce(said[2], TRY_CAST(said[3] AS JSON)->>'$.max_tokens', said[4]),
  'presence_penalty=' || said[5],
  'reasoning_effort=' || coalesce(said[6], TRY_CAST(said[3] AS JSON)->>'$.reasoning_effort'),
  'seed=' || said[7],
  'stop=' || said[8],
  'temperature=' || coalesce(said[9], TRY_CAST(said[3] AS JSON)->>'$.temperature', said[10]),
  'top_k=' || said[11],
  'top_p=' || coalesce(said[12], TRY_CAST(said[3] AS JSON)->>'$.top_p', said[13])
), '');

-- The commit of the repository that a span names, in its attributes or those of its resource. Arguments: what `_said_of_versions` and
-- `_said_of_programs` found.
CREATE MACRO _commit(said, program) AS
coalesce(said[14], program[4], program[5], said[15], said[16], nullif(said[17], ''));

-- The fingerprint of a text, one entry a sentence or tool: eight hex digits.
CREATE MACRO _fingerprint(lines) AS left(md5(array_to_string(lines, chr(10))), 8);

-- The system prompt of every model call, reduced to what is the same in at least three traces of its agent (in all, where there are fewer): the
-- template without what each run puts into it.
CREATE VIEW _prompts_of_calls (
  -- Trace of the call.
  trace_id,
  -- The call.
  span_id,
  -- The agent that called.
  agent_name,
  -- When (UTC).
  start_time,
  -- Place of the call in tree order.
  preorder,
  -- Sentences of the template, in order; an empty list where nothing repeats.
  sentences,
  -- Their fingerprint.
  value
) AS
WITH rules AS MATERIALIZED (
  SELECT list_id, list_index, message_hash
  FROM message_lists
  SEMI JOIN (SELECT message_hash FROM messages WHERE role IN ('system', 'developer')) USING (message_hash)
),
standing AS (
  SELECT trace_id, span_id, position + list_index AS position, message_hash
  FROM span_message_ranges
  JOIN message_lists ON message_lists.list_id = span_message_ranges.list_id AND list_index < length
  WHERE direction = 'system'
  UNION ALL
  -- What stood among the input comes behind all instructions.
  SELECT trace_id, span_id, 1e12::BIGINT + position + list_index, message_hash
  FROM span_message_ranges
  JOIN rules ON rules.list_id = span_message_ranges.list_id AND list_index < length
  WHERE direction = 'input'
),
shown AS MATERIALIZED (
  SELECT trace_id, span_id, agent_name, start_time, preorder, position, message_hash
  FROM standing
  JOIN (SELECT trace_id, span_id, agent_name, start_time, preorder FROM spans WHERE start_time IS NOT NULL) AS spans USING (trace_id, span_id)
),
-- Most calls have one system prompt, and lists in order take far longer to make.
of_several AS (SELECT preorder FROM shown GROUP BY preorder HAVING count(*) > 1),
-- Numbers stand for prompts and sentences, for these are compared again and again.
calls AS MATERIALIZED (
  SELECT trace_id, span_id, agent_name, start_time, preorder, hash(message_hash) AS prompt FROM shown ANTI JOIN of_several USING (preorder)
  UNION ALL
  SELECT any_value(trace_id), any_value(span_id), any_value(agent_name), any_value(start_time), preorder, hash(list(message_hash ORDER BY position))
  FROM shown
  SEMI JOIN of_several USING (preorder)
  GROUP BY preorder
),
prompts AS MATERIALIZED (
  SELECT agent_name, prompt, any_value(preorder) AS preorder, count(DISTINCT hash(trace_id)) AS traces
  FROM calls
  GROUP BY agent_name, prompt
),
agents AS (SELECT agent_name, count(DISTINCT hash(trace_id)) AS traces FROM calls GROUP BY agent_name),
pieces AS MATERIALIZED (
  SELECT prompts.agent_name, prompt, traces, position AS part, message_hash
  FROM prompts
  JOIN shown USING (preorder)
),
said AS MATERIALIZED (
  SELECT message_hash, _sentences(_without_moments(_message_text(parts))) AS sentences
  FROM messages
  SEMI JOIN pieces USING (message_hash)
),
placed AS MATERIALIZED (
  SELECT *
  FROM (
    SELECT agent_name, prompt, traces, part, unnest(numbers) AS number, generate_subscripts(numbers, 1) AS place
    FROM pieces
    JOIN (SELECT message_hash, list_transform(sentences, lambda sentence: hash(sentence)) AS numbers FROM said) AS said USING (message_hash)
  )
  WHERE number <> hash('')  -- an empty line
),
repeated AS MATERIALIZED (
  SELECT placed.agent_name, number
  FROM (SELECT DISTINCT agent_name, prompt, traces, number FROM placed) AS placed
  JOIN agents ON agents.agent_name IS NOT DISTINCT FROM placed.agent_name
  GROUP BY placed.agent_name, number, agents.traces
  HAVING sum(placed.traces) >= least(3, agents.traces)
),
templates AS MATERIALIZED (
  SELECT placed.agent_name, prompt, list(placed.number ORDER BY part, place) AS numbers
  FROM placed
  SEMI JOIN repeated ON repeated.agent_name IS NOT DISTINCT FROM placed.agent_name AND repeated.number = placed.number
  GROUP BY placed.agent_name, prompt
),
wording AS (
  SELECT number, any_value(sentence) AS sentence
  FROM (SELECT sentence, hash(sentence) AS number FROM (SELECT unnest(sentences) AS sentence FROM said))
  SEMI JOIN repeated USING (number)
  GROUP BY number
),
texts AS (
  SELECT numbers, list(sentence ORDER BY place) AS sentences
  FROM (SELECT numbers, unnest(numbers) AS number, generate_subscripts(numbers, 1) AS place FROM (SELECT DISTINCT numbers FROM templates))
  JOIN wording USING (number)
  GROUP BY numbers
),
named AS (
  SELECT agent_name, prompt, sentences, value
  FROM templates
  JOIN (SELECT *, _fingerprint(sentences) AS value FROM texts) AS texts USING (numbers)
)
SELECT trace_id, span_id, calls.agent_name, start_time, preorder, coalesce(sentences, []), coalesce(value, _fingerprint([]))
FROM calls
LEFT JOIN named ON named.prompt = calls.prompt AND named.agent_name IS NOT DISTINCT FROM calls.agent_name;

-- Everything versioned that each model call and agent run shows of itself, one row a span and kind: the long form of the versions in force.
CREATE VIEW span_versions (
  -- Trace of the span.
  trace_id,
  -- The span.
  span_id,
  -- `gen_ai.agent.name`.
  agent_name,
  -- When (UTC).
  start_time,
  -- `system_prompt`, `tool_schema`, `request_model`, `response_model`, `sampling`, `agent_version`, `prompt_version`, `service_version`,
  -- `instrumentation`, `program_version`, `commit` or `identity_file` (the dated one that was in force that day).
  kind,
  -- What the log says; for prompts, tool schemas and identity files a fingerprint of eight hex digits, see `fingerprints` for the text.
  value,
  -- The text behind a fingerprint, one entry a sentence or tool; NULL for other kinds.
  lines,
  -- Place in tree order.
  preorder
) AS
WITH calls AS MATERIALIZED (
  SELECT
    trace_id, span_id, agent_name, start_time, preorder, nullif(request_model, '') AS request_model, nullif(response_model, '') AS response_model,
    nullif(agent_version, '') AS agent_version, nullif(prompt_version, '') AS prompt_version, _sampling(said) AS sampling,
    nullif(_commit(said, program), '') AS commit, nullif(program[1], '') AS service_version,
    nullif(concat_ws(' ', program[2], program[3]), '') AS instrumentation, nullif(said[18], '') AS program_version,
    CASE WHEN contains(attributes::VARCHAR, 'tool') THEN _tool_lines(attributes) END AS tools
  FROM (
    SELECT *, _said_of_versions(attributes) AS said, _said_of_programs(resource) AS program
    FROM spans
    WHERE start_time IS NOT NULL AND _span_kind(operation_name) IN ('model', 'agent')
  )
),
plain AS (
  UNPIVOT calls
  ON request_model, response_model, agent_version, prompt_version, sampling, commit, service_version, instrumentation, program_version
  INTO NAME kind VALUE value
),
-- Identity files say by themselves from which day on they hold; one without a date is in no timeline.
identities AS (
  SELECT changed.agent_name, date, list(line ORDER BY document_id, source_line) AS lines
  FROM (SELECT DISTINCT agent_name, since AS date FROM definition_lines WHERE since IS NOT NULL) AS changed
  JOIN definition_lines AS lines ON lines.agent_name = changed.agent_name AND since <= date AND (until IS NULL OR date < until)
  GROUP BY changed.agent_name, date
),
in_force AS (
  SELECT calls.*, lines
  FROM (FROM calls WHERE agent_name IN (SELECT agent_name FROM identities)) AS calls
  ASOF JOIN identities ON identities.agent_name = calls.agent_name AND calls.start_time::DATE >= date
)
SELECT trace_id, span_id, agent_name, start_time, kind, value, NULL::VARCHAR[], preorder FROM plain
UNION ALL
SELECT trace_id, span_id, agent_name, start_time, 'tool_schema', _fingerprint(tools), tools, preorder FROM calls WHERE len(tools) > 0
UNION ALL
SELECT trace_id, span_id, agent_name, start_time, 'system_prompt', value, sentences, preorder FROM _prompts_of_calls WHERE value <> _fingerprint([])
UNION ALL
SELECT trace_id, span_id, agent_name, start_time, 'identity_file', _fingerprint(lines), lines, preorder FROM in_force;

-- Every version of everything versioned that was ever in force, per agent: when it was first and last seen, how often, and its text.
CREATE VIEW fingerprints (
  -- `gen_ai.agent.name`.
  agent_name,
  -- As in `span_versions`.
  kind,
  -- As in `span_versions`.
  value,
  -- First seen (UTC).
  first_time,
  -- Last seen (UTC).
  last_time,
  -- Number of spans that show it.
  calls,
  -- Number of traces that show it.
  traces,
  -- The text behind a fingerprint, one entry a sentence or tool, dates and ids left out; NULL for other kinds.
  lines,
  -- The first span that shows it.
  span_id
) AS
SELECT
  agent_name, kind, value, min(start_time), max(start_time), count(*), count(DISTINCT trace_id), any_value(lines), arg_min(span_id, (start_time, preorder))
FROM span_versions
GROUP BY agent_name, kind, value;
