-- What each agent was made of: prompts, tools, models, parameters and programs, as the log shows them call by call.
-- include: drift.definitions
-- include: messages.span_messages
-- include: spans.kinds
-- include: messages.texts

-- A prompt without what differs from run to run and means nothing: dates, times, days of the week and random ids.
CREATE MACRO _without_moments(said) AS
regexp_replace(regexp_replace(regexp_replace(regexp_replace(said,
  '\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2})?([.,]\d+)?( ?(Z|UTC|[+-]\d{2}:?\d{2}))?)?', '<time>', 'g'),
  '(?i)\b(\d{1,2} )?(january|february|march|april|may|june|july|august|september|october|november|december) \d{1,2}(, \d{4})?\b|\b\d{1,2} (january|february|march|april|may|june|july|august|september|october|november|december)( \d{4})?\b', '<date>', 'g'),
  '(?i)\b(mon|tues|wednes|thurs|fri|satur|sun)day\b', '<day>', 'g'),
  '(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|\b[0-9a-f]{24,}\b', '<id>', 'g');

-- The sentences and lines of a text, one an entry, empty ones left out.
CREATE MACRO _sentences(said) AS
list_filter(
  list_transform(string_split(regexp_replace(said, '([.!?;:])\s+', '\1' || chr(10), 'g'), chr(10)), lambda line: trim(line)),
  lambda line: line <> ''
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

-- The parameters a model was asked with, as `name=value` in alphabetical order; NULL where the log does not say. Argument: the
-- attributes of the call.
CREATE MACRO _sampling(attributes) AS
nullif(concat_ws(', ',
  'frequency_penalty=' || (attributes->>'$."gen_ai.request.frequency_penalty"'),
  'max_tokens=' || coalesce(attributes->>'$."gen_ai.request.max_tokens"', TRY_CAST(attributes->>'$."llm.invocation_parameters"' AS JSON)->>'$.max_tokens', attributes->>'$.modelParameters.max_tokens'),
  'presence_penalty=' || (attributes->>'$."gen_ai.request.presence_penalty"'),
  'reasoning_effort=' || coalesce(attributes->>'$."gen_ai.request.reasoning_effort"', TRY_CAST(attributes->>'$."llm.invocation_parameters"' AS JSON)->>'$.reasoning_effort'),
  'seed=' || (attributes->>'$."gen_ai.request.seed"'),
  'stop=' || (attributes->>'$."gen_ai.request.stop_sequences"'),
  'temperature=' || coalesce(attributes->>'$."gen_ai.request.temperature"', TRY_CAST(attributes->>'$."llm.invocation_parameters"' AS JSON)->>'$.temperature', attributes->>'$.modelParameters.temperature'),
  'top_k=' || (attributes->>'$."gen_ai.request.top_k"'),
  'top_p=' || coalesce(attributes->>'$."gen_ai.request.top_p"', TRY_CAST(attributes->>'$."llm.invocation_parameters"' AS JSON)->>'$.top_p', attributes->>'$.modelParameters.top_p')
), '');

-- The commit of the repository that a span names, in its attributes or those of its resource.
CREATE MACRO _commit(attributes, resource) AS
coalesce(
  attributes->>'$."vcs.ref.head.revision"', resource->>'$."vcs.ref.head.revision"', resource->>'$."vcs.repository.ref.revision"',
  attributes->>'$."git.commit.sha"', resource->>'$."git.commit.sha"', attributes->>'$.git.commit_hash', nullif(attributes->>'$.base_commit', '')
);

-- The system prompt of every model call: which one, without its text.
CREATE VIEW _prompts_of_calls (
  -- Place of the call in tree order.
  preorder,
  -- Trace of the call.
  trace_id,
  -- The agent that called.
  agent_name,
  -- When (UTC).
  start_time,
  -- Hash of the messages that make the prompt, in order.
  prompt,
  -- The messages.
  message_hashes
) AS
WITH standing AS (
  SELECT trace_id, span_id, list(message_hash ORDER BY direction DESC, position) AS message_hashes
  FROM span_messages
  JOIN (SELECT message_hash, role FROM messages) AS messages USING (message_hash)
  WHERE direction = 'system' OR direction = 'input' AND role IN ('system', 'developer')
  GROUP BY trace_id, span_id
)
SELECT preorder, trace_id, agent_name, start_time, md5(array_to_string(message_hashes, ' ')), message_hashes
FROM standing
JOIN spans USING (trace_id, span_id)
WHERE start_time IS NOT NULL;

-- Each system prompt of each agent, reduced to what is the same in at least three of its traces (in all, where there are fewer): the
-- template without what each run puts into it.
CREATE VIEW _prompt_templates (
  -- `gen_ai.agent.name`.
  agent_name,
  -- Hash of the messages, as in `_prompts_of_calls`.
  prompt,
  -- Sentences of the template, in order; an empty list where nothing repeats.
  sentences
) AS
WITH prompts AS MATERIALIZED (
  SELECT agent_name, prompt, any_value(message_hashes) AS message_hashes, count(DISTINCT trace_id) AS traces
  FROM _prompts_of_calls
  GROUP BY agent_name, prompt
),
agents AS (SELECT agent_name, count(DISTINCT trace_id) AS traces FROM _prompts_of_calls GROUP BY agent_name),
pieces AS (SELECT agent_name, prompt, traces, unnest(message_hashes) AS message_hash, generate_subscripts(message_hashes, 1) AS part FROM prompts),
sentences AS (
  SELECT agent_name, prompt, traces, part, unnest(said) AS sentence, generate_subscripts(said, 1) AS place
  FROM (SELECT pieces.*, _sentences(_without_moments(_message_text(parts))) AS said FROM pieces JOIN messages USING (message_hash))
),
repeated AS (
  SELECT agent_name, sentence, sum(traces) AS traces
  FROM (SELECT DISTINCT agent_name, prompt, traces, sentence FROM sentences)
  GROUP BY agent_name, sentence
)
SELECT
  prompts.agent_name, prompts.prompt,
  coalesce(list(sentences.sentence ORDER BY part, place) FILTER (repeated.traces >= least(3, agents.traces)), [])
FROM prompts
JOIN agents ON agents.agent_name IS NOT DISTINCT FROM prompts.agent_name
LEFT JOIN sentences ON sentences.agent_name IS NOT DISTINCT FROM prompts.agent_name AND sentences.prompt = prompts.prompt
LEFT JOIN repeated ON repeated.agent_name IS NOT DISTINCT FROM sentences.agent_name AND repeated.sentence = sentences.sentence
GROUP BY ALL;

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
WITH said AS (
  SELECT
    preorder,
    map {
      'request_model': request_model, 'response_model': response_model, 'agent_version': agent_version, 'prompt_version': prompt_version,
      'sampling': _sampling(attributes), 'commit': _commit(attributes, resource),
      'service_version': resource->>'$."service.version"',
      'instrumentation': concat_ws(' ', resource->>'$."scope.name"', resource->>'$."scope.version"'),
      'program_version': attributes->>'$.cli_version'
    } AS known
  FROM spans
  WHERE start_time IS NOT NULL AND _span_kind(operation_name) IN ('model', 'agent')
),
plain AS (SELECT preorder, unnest(map_entries(known), recursive := true) FROM said),
tools AS (
  SELECT preorder, _tool_lines(attributes) AS lines
  FROM spans
  WHERE start_time IS NOT NULL AND _span_kind(operation_name) IN ('model', 'agent') AND contains(attributes::VARCHAR, 'tool')
),
prompts AS (
  SELECT preorder, sentences AS lines
  FROM _prompts_of_calls AS calls
  JOIN _prompt_templates AS templates ON templates.prompt = calls.prompt AND templates.agent_name IS NOT DISTINCT FROM calls.agent_name
),
-- Identity files say by themselves from which day on they hold; one without a date is in no timeline.
identities AS (
  SELECT changed.agent_name, date, list(line ORDER BY document_id, source_line) AS lines
  FROM (SELECT DISTINCT agent_name, since AS date FROM definition_lines WHERE since IS NOT NULL) AS changed
  JOIN definition_lines AS lines ON lines.agent_name = changed.agent_name AND since <= date AND (until IS NULL OR date < until)
  GROUP BY changed.agent_name, date
),
in_force AS (
  SELECT preorder, lines
  FROM (SELECT preorder, agent_name, start_time::DATE AS day FROM spans WHERE start_time IS NOT NULL AND _span_kind(operation_name) IN ('model', 'agent')) AS calls
  ASOF JOIN identities ON identities.agent_name = calls.agent_name AND day >= date
),
versions AS (
  SELECT preorder, key AS kind, value, NULL::VARCHAR[] AS lines FROM plain WHERE nullif(value, '') IS NOT NULL
  UNION ALL
  SELECT preorder, 'tool_schema', left(md5(array_to_string(lines, chr(10))), 8), lines FROM tools WHERE len(lines) > 0
  UNION ALL
  SELECT preorder, 'system_prompt', left(md5(array_to_string(lines, chr(10))), 8), lines FROM prompts WHERE len(lines) > 0
  UNION ALL
  SELECT preorder, 'identity_file', left(md5(array_to_string(lines, chr(10))), 8), lines FROM in_force
)
SELECT trace_id, span_id, agent_name, start_time, kind, value, lines, preorder
FROM versions
JOIN spans USING (preorder);

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
