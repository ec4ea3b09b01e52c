-- Where something came from and where it went: the way of a value, and the sources and users of a step.
-- include: flow.links
-- include: flow.texts
-- include: flow.tokens
-- include: detectors.evidence

-- What a text of the flow graph did with something, in words: `a tool of Atlas answered 4,812`.
CREATE MACRO _flow_says(agent, side, type, what) AS
concat_ws(' ', CASE
  WHEN type = 'result' THEN concat_ws(' ', 'a tool', 'of ' || agent, 'answered')
  WHEN type = 'arguments' THEN concat_ws(' ', 'a tool', 'of ' || agent, 'was given')
  WHEN type = 'section' THEN concat_ws(' ', 'a document', 'of ' || agent, 'says')
  WHEN type = 'agent_message' THEN coalesce(agent, 'an agent') || ' wrote to another agent'
  WHEN side = 'heard' THEN coalesce(agent, 'a model') || ' was shown'
  ELSE coalesce(agent, 'a model') || ' said' END,
  what, CASE type WHEN 'tool_call' THEN 'in a call of a tool' WHEN 'tool_call_response' THEN 'in the answer of a tool' WHEN 'reasoning' THEN 'in its reasoning' END);

-- The texts in which a value stands as written, and those in which the same number stands written otherwise: in traces that hold the value, or in all where
-- none does.
CREATE MACRO _flow_hits_of(value) AS TABLE
WITH
  exact AS MATERIALIZED (SELECT text_id, token FROM flow_tokens WHERE token = value),
  rounded AS MATERIALIZED (
    SELECT text_id, token
    FROM flow_tokens
    WHERE number BETWEEN _number_of(value) - 0.06 * abs(_number_of(value)) AND _number_of(value) + 0.06 * abs(_number_of(value))
      AND _is_similar_number(token, number, value, _number_of(value))
  ),
  near AS (
    SELECT DISTINCT other.text_id
    FROM (FROM flow_texts SEMI JOIN rounded USING (text_id)) AS other
    WHERE other.trace_id IN (SELECT trace_id FROM flow_texts SEMI JOIN exact USING (text_id)) OR NOT EXISTS (FROM exact)
  )
SELECT 1::UBIGINT AS feature, text_id, NULL::INTEGER AS place, 'value' AS what, token AS written FROM exact
UNION ALL
SELECT 1::UBIGINT, text_id, NULL, 'similar', min(token) FROM rounded SEMI JOIN near USING (text_id) ANTI JOIN exact USING (text_id) GROUP BY text_id;

-- The way of something that stands in some texts, hop by hop: the columns of `flow_origin`, then the two texts (`number` in `flow_texts`; NULL where it
-- first appeared), the steps in tree order (negative: a text of no step), and how it is written in both. Argument: the name of a relation with
-- `feature, text_id, place, what, written`.
CREATE MACRO _flow_way(hits) AS TABLE
WITH RECURSIVE
  all_standing AS MATERIALIZED (SELECT t.*, h.feature, h.place, h.what, h.written FROM query_table(hits) AS h JOIN flow_texts AS t USING (text_id)),
  links AS MATERIALIZED (FROM _flow_links('all_standing', NULL)),
  -- What an agent said and finds in its own window again has gone nowhere.
  standing AS MATERIALIZED (
    SELECT *, coalesce(preorder, -number) AS node
    FROM all_standing AS heard
    ANTI JOIN all_standing AS said
      ON heard.side = 'heard' AND said.side = 'said' AND said.preorder = heard.from_preorder AND said.window_id = heard.window_id AND said.text_id = heard.text_id
  ),
  -- A step stands for the value as written if it has it so, else for the value written otherwise.
  steps AS MATERIALIZED (SELECT node, arg_min(number, (what = 'similar', moment)) AS number FROM standing GROUP BY node),
  passages AS MATERIALIZED (
    SELECT DISTINCT ON (from_node, to_node, is_similar) *
    FROM (
      SELECT
        coalesce(links.from_preorder, -from_number) AS from_node, to_preorder AS to_node, b.what = 'similar' AS is_similar, from_number, to_number,
        CASE WHEN rule = 'resource' THEN 'read_after_write' WHEN from_text_id = to_text_id AND rule IN ('brief', 'other', 'return') THEN 'carried' ELSE 'quoted' END AS kind,
        CASE WHEN from_text_id = to_text_id AND rule IN ('brief', 'return') THEN 'certain' WHEN rule IN ('other', 'agent') THEN 'possible' ELSE 'likely' END AS confidence,
        2 AS rank
      FROM links
      JOIN standing AS b ON b.number = to_number
      UNION ALL
      SELECT heard.from_preorder, heard.node, heard.what = 'similar', said.number, heard.number, 'carried', 'certain', 1
      FROM standing AS heard
      JOIN standing AS said ON said.side = 'said' AND said.preorder = heard.from_preorder AND said.text_id = heard.text_id
      WHERE heard.side = 'heard'
    )
    WHERE from_node IN (SELECT node FROM steps) AND to_node IN (SELECT node FROM steps)
    ORDER BY rank
  ),
  reached(node, hop) USING KEY (node) AS (
    SELECT node, 0 FROM steps WHERE node NOT IN (SELECT to_node FROM passages)
    UNION
    SELECT p.to_node, min(r.hop) + 1
    FROM reached AS r
    JOIN passages AS p ON p.from_node = r.node
    LEFT JOIN recurring.reached AS known ON known.node = p.to_node
    WHERE known.node IS NULL
    GROUP BY p.to_node
  ),
  told AS (
    SELECT hop, 'first' AS kind, 'certain' AS confidence, NULL::BIGINT AS from_node, node AS to_node, NULL::BIGINT AS from_number, steps.number AS to_number
    FROM reached
    JOIN steps USING (node)
    WHERE hop = 0
    UNION ALL
    SELECT r.hop + 1, p.kind, p.confidence, p.from_node, p.to_node, p.from_number, p.to_number FROM passages AS p JOIN reached AS r ON r.node = p.from_node
  )
SELECT
  hop, CASE WHEN b.what = 'similar' OR a.what = 'similar' THEN 'similar' ELSE kind END AS kind,
  CASE WHEN (b.what = 'similar' OR a.what = 'similar') AND confidence = 'certain' AND kind <> 'carried' THEN 'likely' ELSE confidence END AS confidence,
  coalesce(b_span.trace_id, b.trace_id) AS trace_id, a_span.span_id AS from_span_id, b_span.span_id AS to_span_id, b.agent_name,
  coalesce(b_span.start_time, make_timestamp_ns(b.moment)) AS start_time,
  list_filter([
    CASE WHEN a.number IS NOT NULL THEN _evidence(a.source_id, a.source_line, a.source_offset, a.source_length, a_span.span_id, _flow_says(a.agent_name, a.side, a.type, a.written)) END,
    _evidence(b.source_id, b.source_line, b.source_offset, b.source_length, b_span.span_id, _flow_says(b.agent_name, b.side, b.type, b.written))
  ], lambda piece: piece IS NOT NULL) AS evidence,
  from_number, to_number, from_node, to_node, a.written AS from_written, b.written AS to_written
FROM told
LEFT JOIN standing AS a ON a.number = from_number
LEFT JOIN spans AS a_span ON a_span.preorder = from_node
JOIN standing AS b ON b.number = to_number
LEFT JOIN spans AS b_span ON b_span.preorder = to_node
ORDER BY hop, start_time, to_node, from_node;

-- Where a value (a number, date, identifier, path or address) first appeared, and every step it went to since. Columns: hop (0 where it first appeared: from
-- nowhere in the log), kind (first; carried, quoted, read_after_write as in `flow_edges`; similar where one end has the number written otherwise), confidence,
-- trace_id, from_span_id, to_span_id, agent_name (whose step it came to), start_time, evidence.
CREATE MACRO flow_origin(value) AS TABLE
WITH found AS (FROM _flow_hits_of(value))
SELECT hop, kind, confidence, trace_id, from_span_id, to_span_id, agent_name, start_time, evidence FROM _flow_way('found');

-- From which text each text came, and which it repeats. A text that came whole leads to the text it was said as.
CREATE VIEW _flow_text_edges (
  -- The text it came from: `number` in `flow_texts`.
  from_number,
  -- The text that came of it.
  to_number,
  -- `carried`, `quoted`.
  kind,
  -- certain, likely or possible.
  confidence,
  -- What was repeated; NULL for whole texts.
  passed
) AS
SELECT said.number, heard.number, 'carried', 'certain', NULL
FROM flow_texts AS heard
JOIN flow_texts AS said ON said.preorder = heard.from_preorder AND said.text_id = heard.text_id AND said.side = 'said'
WHERE heard.side = 'heard'
UNION ALL
SELECT from_number, to_number, kind, confidence, passed FROM flow_quotes;

-- Edges between texts as rows of lineage: the columns of `flow_origin`, then the two texts (`number` in `flow_texts`) and what was passed. Argument: the name
-- of a relation with `hop, from_number, to_number, kind, confidence, passed`.
CREATE MACRO _flow_rows(found) AS TABLE
SELECT
  min(hop) AS hop, e.kind, arg_min(e.confidence, (hop, e.from_number, e.to_number)) AS confidence, coalesce(b_span.trace_id, b.trace_id) AS trace_id, a_span.span_id AS from_span_id, b_span.span_id AS to_span_id,
  b.agent_name, coalesce(b_span.start_time, make_timestamp_ns(any_value(b.moment))) AS start_time,
  arg_min(list_filter([
    CASE WHEN a.number IS NOT NULL THEN _evidence(a.source_id, a.source_line, a.source_offset, a.source_length, a_span.span_id, _flow_says(a.agent_name, a.side, a.type, e.passed)) END,
    _evidence(b.source_id, b.source_line, b.source_offset, b.source_length, b_span.span_id, _flow_says(b.agent_name, b.side, b.type, e.passed))
  ], lambda piece: piece IS NOT NULL), (hop, e.from_number, e.to_number)) AS evidence,
  arg_min(e.from_number, (hop, e.from_number, e.to_number)) AS from_number, arg_min(e.to_number, (hop, e.from_number, e.to_number)) AS to_number,
  arg_min(e.passed, (hop, e.from_number, e.to_number)) AS passed
FROM query_table(found) AS e
LEFT JOIN flow_texts AS a ON a.number = e.from_number
JOIN flow_texts AS b ON b.number = e.to_number
LEFT JOIN spans AS a_span ON a_span.preorder = a.preorder
LEFT JOIN spans AS b_span ON b_span.preorder = b.preorder
WHERE a.preorder IS DISTINCT FROM b.preorder
GROUP BY e.kind, coalesce(b_span.trace_id, b.trace_id), a_span.span_id, b_span.span_id, b.agent_name, b_span.start_time
ORDER BY hop, start_time;

-- The edges between texts that lead to a step: `hop` and the columns of `_flow_text_edges`.
CREATE MACRO _flow_text_sources(of_trace_id, of_span_id, most_hops) AS TABLE
WITH RECURSIVE
  edges AS MATERIALIZED (FROM _flow_text_edges),
  reached(number, hop) USING KEY (number) AS (
    SELECT number, 0 FROM flow_texts JOIN spans USING (preorder) WHERE spans.span_id = of_span_id AND coalesce(spans.trace_id = of_trace_id, true)
    UNION
    SELECT e.from_number, min(r.hop) + 1
    FROM reached AS r
    JOIN edges AS e ON e.to_number = r.number
    LEFT JOIN recurring.reached AS known ON known.number = e.from_number
    WHERE known.number IS NULL AND r.hop < most_hops
    GROUP BY e.from_number
  )
SELECT r.hop + 1 AS hop, e.* FROM edges AS e JOIN reached AS r ON r.number = e.to_number WHERE r.hop < most_hops;

-- What a step was given, said and did came from: hop 1 the steps it came from, hop 2 where those had it from, and so on. Columns as in `flow_origin`.
CREATE MACRO flow_sources(of_trace_id, of_span_id, most_hops := 50) AS TABLE
WITH found AS (FROM _flow_text_sources(of_trace_id, of_span_id, most_hops))
SELECT hop, kind, confidence, trace_id, from_span_id, to_span_id, agent_name, start_time, evidence FROM _flow_rows('found');

-- What later used what a step said: hop 1 the steps that were given or repeat it, hop 2 those that have it from them, and so on. Columns as in `flow_origin`.
CREATE MACRO flow_consumers(of_trace_id, of_span_id, most_hops := 50) AS TABLE
WITH RECURSIVE
  edges AS MATERIALIZED (FROM _flow_text_edges),
  reached(number, hop) USING KEY (number) AS (
    SELECT number, 0 FROM flow_texts JOIN spans USING (preorder)
    WHERE spans.span_id = of_span_id AND coalesce(spans.trace_id = of_trace_id, true) AND (side = 'said' OR type = 'arguments')
    UNION
    SELECT e.to_number, min(r.hop) + 1
    FROM reached AS r
    JOIN edges AS e ON e.from_number = r.number
    LEFT JOIN recurring.reached AS known ON known.number = e.to_number
    WHERE known.number IS NULL AND r.hop < most_hops
    GROUP BY e.to_number
  ),
  found AS (SELECT r.hop + 1 AS hop, e.* FROM edges AS e JOIN reached AS r ON r.number = e.from_number WHERE r.hop < most_hops)
SELECT hop, kind, confidence, trace_id, from_span_id, to_span_id, agent_name, start_time, evidence FROM _flow_rows('found');

-- The texts in which a run of words stands as a whole, found by reading them all. Arguments: a regular expression, and a word it holds.
CREATE MACRO _flow_hits_of_text(pattern, word) AS TABLE
SELECT DISTINCT 1::UBIGINT AS feature, text_id, NULL::INTEGER AS place, 'value' AS what, trim(regexp_extract(said, pattern)) AS written
FROM (
  SELECT hash(said) AS text_id, _plain_text(said) AS said
  FROM (SELECT _part_text(unnest(parts::JSON[])) AS said FROM messages WHERE contains(parts::VARCHAR, word) AND json_type(parts) = 'ARRAY')
  UNION ALL
  SELECT text_id, _plain_text(tool_call_arguments) FROM spans JOIN flow_texts USING (preorder) WHERE type = 'arguments' AND contains(tool_call_arguments, word)
  UNION ALL
  SELECT text_id, _plain_text(coalesce(tool_call_result, status_message)) FROM spans JOIN flow_texts USING (preorder) WHERE type = 'result' AND contains(coalesce(tool_call_result, status_message), word)
  UNION ALL
  SELECT hash(text), text FROM sections WHERE contains(text, word)
  UNION ALL
  SELECT hash(payload), _plain_text(payload) FROM agent_messages WHERE contains(payload, word)
)
WHERE regexp_matches(said, pattern);

-- The same as `flow_origin` for a run of words, as a regular expression; `word` is one that it holds.
CREATE MACRO flow_origin_of_text(pattern, word) AS TABLE
WITH found AS (FROM _flow_hits_of_text(pattern, word))
SELECT hop, kind, confidence, trace_id, from_span_id, to_span_id, agent_name, start_time, evidence FROM _flow_way('found');
