-- The window of every model call by layers: where each message came from, and what became of it since the call before.
-- include: messages.context_changes
-- include: messages.context_origins
-- include: messages.texts

-- The windows of one agent in one conversation, message by message in the order they stood, those that are gone where they stood
-- before: `FROM context_strata(agent := 'Atlas', conversation := 'w14-atlas')`; without arguments the windows of all agents.
-- Columns: trace_id, span_id, agent_name, conversation_id, call_index (as `call_number` in `context_growth`), run_span_id (the run that
-- another agent began; each such run has a window of its own and is compared with itself only), place (order on the page, from 0), direction and position (in the call, else in the call before), message_hash, role, change, before_hash (what a
-- rewritten message said before), summary_hash (what took the place of a compacted one), origin, origin_agent_name, origin_name
-- (tool, model or file), origin_trace_id, origin_span_id, characters, bytes.
-- `change`: same; added; rewritten (another message of the same role in the same place, the answer to the same tool call or at least
-- `least_overlap` of its words in common); compacted (gone when a summary came: at least `least_dropped` messages are gone and a
-- message came that holds what the model said in the call before, or says that it is a summary); dropped (gone otherwise).
-- `origin`: system, user, assistant (a model call), tool (a tool result), agent (a brief in a tool call of another agent), memory
-- (a document of the lens holds the same text), summary (see above), other.
-- A call without logged messages has no rows, and the comparison goes on with the next that has them.
CREATE MACRO context_strata(agent := NULL, conversation := NULL, least_overlap := 0.5, least_dropped := 2) AS TABLE
WITH changes AS (FROM _context_changes(agent, conversation, least_overlap, least_dropped)),
summaries AS (
  SELECT DISTINCT agent_name, conversation_id, summary_hash AS message_hash
  FROM changes
  JOIN _context_calls(agent, conversation) AS calls USING (preorder)
  WHERE summary_hash IS NOT NULL
)
SELECT
  calls.trace_id, calls.span_id, calls.agent_name, calls.conversation_id, call_index, run.span_id AS run_span_id,
  row_number() OVER (
    PARTITION BY calls.preorder
    ORDER BY direction DESC, place, was_there, is_present, changes.position
  ) - 1 AS place,
  direction, changes.position, changes.message_hash, origins.role, change, before_hash, changes.summary_hash,
  CASE WHEN summaries.message_hash IS NOT NULL THEN 'summary' ELSE origin END AS origin,
  origin_span.agent_name AS origin_agent_name,
  coalesce(sources.path, origin_span.tool_name, origin_span.response_model, origin_span.request_model) AS origin_name,
  origin_span.trace_id AS origin_trace_id, origin_span.span_id AS origin_span_id, characters, messages.bytes
FROM changes
JOIN _context_calls(agent, conversation) AS calls USING (preorder)
JOIN _context_origins(agent, conversation) AS origins
  ON origins.agent_name IS NOT DISTINCT FROM calls.agent_name AND origins.conversation_id = calls.conversation_id
  AND origins.message_hash = changes.message_hash
JOIN messages ON messages.message_hash = changes.message_hash
LEFT JOIN summaries ON summaries.agent_name IS NOT DISTINCT FROM calls.agent_name
  AND summaries.conversation_id = calls.conversation_id AND summaries.message_hash = changes.message_hash
LEFT JOIN spans AS run ON run.preorder = calls.run_preorder
LEFT JOIN spans AS origin_span ON origin_span.preorder = origins.origin_preorder
LEFT JOIN documents ON documents.document_id = origins.document_id
LEFT JOIN sources ON sources.source_id = documents.source_id;

-- What a window lost in values: amounts, numbers, dates, names, paths and identifiers in messages that are gone, rewritten or compacted
-- and that stand nowhere in the window any more, the most repeated first. Columns: trace_id, span_id, agent_name, conversation_id,
-- call_index, value, messages (how many of the gone messages held it), rank, of (how many values were lost in this call).
-- Names of tools are no values; bare small numbers rank last. Values are compared as whole tokens: 12,500 written as 12.5k counts as lost.
CREATE MACRO context_lost_values(agent := NULL, conversation := NULL, most := 40) AS TABLE
WITH strata AS (FROM context_strata(agent := agent, conversation := conversation)),
cuts AS (SELECT DISTINCT trace_id, span_id FROM strata WHERE change IN ('dropped', 'compacted', 'rewritten')),
touched AS (
  SELECT trace_id, span_id, message_hash, change IN ('dropped', 'compacted') AS is_gone FROM strata SEMI JOIN cuts USING (trace_id, span_id)
  UNION ALL
  SELECT trace_id, span_id, before_hash, true FROM strata WHERE before_hash IS NOT NULL
),
valued AS (
  SELECT message_hash, unnest(list_distinct(_values_of(_message_text(parts)))) AS value
  FROM messages
  WHERE message_hash IN (SELECT message_hash FROM touched)
),
-- The name of a tool is no fact.
tools AS (
  SELECT tool_name AS value FROM spans WHERE tool_name IS NOT NULL
  UNION
  SELECT unnest(json_extract_string(parts, '$[*].name')) FROM messages WHERE message_hash IN (SELECT message_hash FROM touched)
),
held AS (
  SELECT trace_id, span_id, value, bool_and(is_gone) AS is_lost, count(DISTINCT message_hash) AS messages
  FROM touched
  JOIN valued USING (message_hash)
  ANTI JOIN tools USING (value)
  GROUP BY ALL
)
SELECT
  calls.*, value, messages, row_number() OVER most_repeated AS rank, count(*) OVER (PARTITION BY trace_id, span_id) AS "of"
FROM held
JOIN (SELECT DISTINCT trace_id, span_id, agent_name, conversation_id, call_index FROM strata) AS calls USING (trace_id, span_id)
WHERE is_lost
WINDOW most_repeated AS (PARTITION BY trace_id, span_id ORDER BY regexp_full_match(value, '\d{1,4}'), messages DESC, length(value) DESC, value)
QUALIFY rank <= most;
