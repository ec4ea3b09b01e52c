-- Where pieces of messages came from: what each message of a story was carried or quoted from, the step that had it just before, and the one that had it first.
WITH RECURSIVE
  here AS (
    SELECT t.number, t.message_hash
    FROM flow_texts AS t
    JOIN spans USING (preorder)
    WHERE t.message_hash IN (SELECT unnest($hashes::VARCHAR[])) AND t.type IS DISTINCT FROM 'arguments'
      AND t.agent_name IS NOT DISTINCT FROM $agent AND coalesce(spans.conversation_id, spans.trace_id) = $conversation
  ),
  edges AS MATERIALIZED (FROM _flow_text_edges),
  pieces AS (
    SELECT message_hash, from_number, kind, confidence, passed, row_number() OVER () AS piece
    FROM (
      SELECT here.message_hash, e.from_number, e.kind, e.confidence, CASE WHEN e.kind <> 'carried' THEN e.passed END AS passed
      FROM here
      JOIN edges AS e ON e.to_number = here.number
      JOIN flow_texts AS a ON a.number = e.from_number
      JOIN flow_texts AS b ON b.number = here.number
      WHERE a.preorder IS DISTINCT FROM b.preorder
      QUALIFY row_number() OVER (PARTITION BY here.message_hash ORDER BY e.kind <> 'carried', length(e.passed) DESC, e.from_number) <= $most
    )
  ),
  -- Back as long as the whole text, or the same passage, came from elsewhere.
  back(piece, number) AS (
    SELECT piece, from_number FROM pieces
    UNION
    SELECT back.piece, e.from_number
    FROM back
    JOIN pieces USING (piece)
    JOIN edges AS e ON e.to_number = back.number
    WHERE e.kind = 'carried' OR contains(lower(e.passed), lower(pieces.passed)) OR contains(lower(pieces.passed), lower(e.passed))
  ),
  firsts AS (
    SELECT piece, arg_min(number, (coalesce(moment, 0), number)) AS first_number FROM back JOIN flow_texts USING (number) GROUP BY piece
  )
SELECT
  pieces.message_hash, kind, confidence, left(passed, 200) AS passage,
  a.agent_name, a.type, coalesce(a_span.tool_name, CASE WHEN a.preorder IS NULL THEN a_source.path ELSE coalesce(a_span.response_model, a_span.request_model) END) AS name, a_span.span_id,
  f.agent_name AS first_agent, f.type AS first_type, coalesce(f_span.tool_name, CASE WHEN f.preorder IS NULL THEN f_source.path ELSE coalesce(f_span.response_model, f_span.request_model) END) AS first_name,
  f_span.span_id AS first_span_id
FROM pieces
JOIN firsts USING (piece)
JOIN flow_texts AS a ON a.number = from_number
JOIN flow_texts AS f ON f.number = first_number
JOIN sources AS a_source ON a_source.source_id = a.source_id
JOIN sources AS f_source ON f_source.source_id = f.source_id
LEFT JOIN spans AS a_span ON a_span.preorder = a.preorder
LEFT JOIN spans AS f_span ON f_span.preorder = f.preorder
ORDER BY pieces.message_hash, passage IS NOT NULL, length(passage) DESC, from_number;
