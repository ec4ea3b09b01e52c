-- Whether a run still works on what it was asked: each step against the task, by the words they share.
-- include: messages.span_messages
-- include: messages.texts
-- include: spans.runs
-- include: drift.tasks

-- What every run of an agent was asked: the first message to its first model call that is no system prompt, else to the run itself, else the arguments of the call
-- that started it.
CREATE VIEW run_briefs (
  -- Place of the run in tree order.
  preorder,
  -- Trace of the run.
  trace_id,
  -- The run.
  span_id,
  -- The agent.
  agent_name,
  -- The text.
  brief,
  -- The run around it: the agent it works for; NULL for the first.
  parent_preorder
) AS
WITH runs AS (FROM spans WHERE operation_name = 'invoke_agent'),
inside AS (
  SELECT run_preorder, min(calls.preorder) AS first_call
  FROM _runs_of_calls((SELECT list(DISTINCT trace_id) FROM spans)) AS calls
  JOIN (SELECT preorder, operation_name FROM spans) AS spans USING (preorder)
  WHERE operation_name <> 'execute_tool'
  GROUP BY run_preorder
),
asked AS (
  SELECT run_preorder, arg_min(_message_text(parts), position) AS said
  FROM inside
  JOIN spans ON spans.preorder = first_call
  JOIN span_messages USING (trace_id, span_id)
  JOIN messages USING (message_hash)
  WHERE direction = 'input' AND role NOT IN ('system', 'developer')
  GROUP BY run_preorder
),
-- What the run itself was given, where its model calls do not say.
given AS (
  SELECT runs.preorder, arg_min(_message_text(parts), position) AS said
  FROM runs
  JOIN span_messages USING (trace_id, span_id)
  JOIN messages USING (message_hash)
  WHERE direction = 'input' AND role NOT IN ('system', 'developer')
  GROUP BY runs.preorder
)
SELECT
  runs.preorder, runs.trace_id, runs.span_id, runs.agent_name, coalesce(asked.said, given.said, started.tool_call_arguments),
  (SELECT max(above.preorder) FROM runs AS above WHERE above.trace_id = runs.trace_id AND above.preorder < runs.preorder AND above.subtree_end > runs.preorder)
FROM runs
LEFT JOIN asked ON run_preorder = runs.preorder
LEFT JOIN given ON given.preorder = runs.preorder
LEFT JOIN spans AS started ON started.trace_id = runs.trace_id AND started.span_id = runs.parent_span_id AND started.operation_name = 'execute_tool';

-- The words of a text that carry meaning: four letters or digits at least, the commonest English and technical words left out.
CREATE MACRO _meaning_words(said) AS
list_filter(_distinct_words(said), lambda word: length(word) >= 4 AND NOT list_contains([
  'this', 'that', 'with', 'from', 'have', 'been', 'will', 'your', 'they', 'then', 'there', 'their', 'what', 'when', 'which', 'into', 'about', 'more',
  'also', 'only', 'should', 'would', 'could', 'please', 'make', 'using', 'used', 'file', 'files', 'path', 'name', 'type', 'text', 'true', 'false', 'null',
  'query', 'content', 'command', 'result', 'results', 'data', 'user', 'agent', 'task', 'next', 'first', 'last', 'each', 'every', 'after', 'before'
], word));

-- What a step is for, in words: its tool and the values of its arguments.
CREATE MACRO _intent_text(tool, arguments) AS
left(trim(replace(coalesce(tool, ''), '_', ' ') || ' ' || regexp_replace(coalesce(arguments, ''), '"\w+" ?:|[{}\[\]",]', ' ', 'g')), 2000);

-- The steps of runs of at least `min_steps` tool calls against their task; columns as in `goal_alignment`.
CREATE MACRO alignment_of(min_steps := 1) AS TABLE
WITH long_runs AS MATERIALIZED (
  SELECT runs.preorder, run_preorder
  FROM _runs_of_calls((SELECT list(DISTINCT trace_id) FROM spans)) AS runs
  JOIN (SELECT preorder FROM tool_calls) AS calls USING (preorder)
  QUALIFY count(*) OVER (PARTITION BY run_preorder) >= min_steps
),
steps AS MATERIALIZED (
  SELECT
    calls.trace_id, calls.span_id, calls.agent_name, calls.tool_name, calls.start_time, calls.preorder, run_preorder,
    row_number() OVER (PARTITION BY run_preorder ORDER BY calls.start_time, calls.preorder) AS step,
    count(*) OVER (PARTITION BY run_preorder) AS steps,
    _meaning_words(regexp_replace(coalesce(calls.tool_call_arguments, ''), '"\w+" ?:', ' ', 'g')) AS words,
    _meaning_words(left(calls.tool_call_result, 2000)) AS read_words,
    md5(_intent_text(calls.tool_name, calls.tool_call_arguments)) AS intent_hash, md5(left(calls.tool_call_result, 2000)) AS read_hash
  FROM tool_calls AS calls
  JOIN long_runs USING (preorder)
),
briefs AS MATERIALIZED (
  SELECT own.preorder AS run_preorder, own.span_id AS run_span_id, _meaning_words(own.brief) AS words, _meaning_words(above.brief) AS parent_words,
    own_vector.vector, parent_vector.vector AS parent_vector
  FROM run_briefs AS own
  LEFT JOIN run_briefs AS above ON above.preorder = own.parent_preorder
  LEFT JOIN text_vectors AS own_vector ON own_vector.text_hash = md5(left(own.brief, 2000))
  LEFT JOIN text_vectors AS parent_vector ON parent_vector.text_hash = md5(left(above.brief, 2000))
  WHERE own.preorder IN (SELECT run_preorder FROM long_runs)
),
said AS (SELECT preorder, run_preorder, step, unnest(words) AS word FROM steps),
weights AS (SELECT word, ln(1 + (SELECT count(*) FROM steps) / count(*)) AS weight FROM said GROUP BY word),
likeness AS (
  SELECT
    said.preorder,
    sum(weight) FILTER (list_contains(briefs.words, word)) AS shared, sum(weight) FILTER (list_contains(briefs.parent_words, word)) AS parent_shared,
    sum(weight) AS whole
  FROM said
  JOIN weights USING (word)
  JOIN briefs USING (run_preorder)
  GROUP BY said.preorder
),
-- The step that first read, or was asked for, each word of a run.
sources_of_words AS (
  SELECT run_preorder, word, min(step) AS first_step
  FROM (
    SELECT run_preorder, 0 AS step, unnest(words) AS word FROM briefs
    UNION ALL
    SELECT run_preorder, step, unnest(read_words) FROM steps
  )
  GROUP BY run_preorder, word
),
-- The earliest step (0 is the brief) that knew a word of the step before it was used.
led AS (
  SELECT said.preorder, min(first_step) AS first_step
  FROM said
  JOIN sources_of_words AS origin ON origin.run_preorder = said.run_preorder AND origin.word = said.word AND origin.first_step < said.step
  GROUP BY said.preorder
)
SELECT
  trace_id, span_id, agent_name, run_span_id, step, steps, tool_name, start_time,
  CASE WHEN len(briefs.words) > 0 THEN coalesce(shared, 0) / whole END AS alignment,
  CASE WHEN len(briefs.parent_words) > 0 THEN coalesce(parent_shared, 0) / whole END AS parent_alignment,
  CASE WHEN len(briefs.words) > 0 AND whole IS NOT NULL THEN led.first_step IS NOT NULL END AS is_connected,
  list_cosine_similarity(intent.vector, briefs.vector) AS similarity, list_cosine_similarity(intent.vector, briefs.parent_vector) AS parent_similarity,
  list_cosine_similarity(read.vector, briefs.vector) AS read_similarity, steps.preorder
FROM steps
JOIN briefs USING (run_preorder)
LEFT JOIN text_vectors AS intent ON intent.text_hash = intent_hash
LEFT JOIN text_vectors AS read ON read.text_hash = read_hash
LEFT JOIN likeness USING (preorder)
LEFT JOIN led USING (preorder);

-- Every tool call of every run with its likeness to the brief of the run and to that of the agent it works for, in the order of the run. The
-- likeness is the share of the words of a step (its arguments and what was said with it) that stand in the brief, rare words counting more
-- (their inverse frequency among the steps of the lens, after Sparck Jones 1972).
CREATE VIEW goal_alignment (
  -- Trace of the step.
  trace_id,
  -- The step: a tool call.
  span_id,
  -- The agent.
  agent_name,
  -- The run it stands in.
  run_span_id,
  -- Number of the step within the run, from 1.
  step,
  -- Number of steps of the run.
  steps,
  -- `gen_ai.tool.name`.
  tool_name,
  -- When (UTC).
  start_time,
  -- Likeness to the brief of the run, 0 to 1; NULL where step or brief has no word.
  alignment,
  -- Likeness to the brief of the agent it works for; NULL where there is none.
  parent_alignment,
  -- True where the step has a word of the brief or of what an earlier step of the run read: it can be led back to something known.
  is_connected,
  -- Cosine of the step (tool and arguments) and the brief of the run, -1 to 1; NULL without `lens.embed`.
  similarity,
  -- The same with the brief of the agent it works for.
  parent_similarity,
  -- Cosine of what the step read (its result) and the brief of the run.
  read_similarity,
  -- Place in tree order.
  preorder
) AS
FROM alignment_of();
