-- Texts of the flow graph with their step, their place and what they say.
SELECT
  t.number, t.side, t.type, t.preorder, t.agent_name, t.trace_id, spans.span_id, spans.tool_name,
  coalesce(spans.response_model, spans.request_model) AS model, spans.status_code = 'ERROR' AND NOT spans.is_control_flow AS is_error,
  CASE WHEN spans.preorder IS NULL OR spans.start_time IS NOT NULL THEN t.moment / 1e6 END AS time_ms, coalesce(t.moment, 0) AS moment,
  sources.path, t.source_line AS line,
  CASE
    WHEN t.message_hash IS NOT NULL AND json_type(messages.parts) = 'ARRAY' THEN _part_text(json_extract(messages.parts, '$[' || t.part_index || ']'))
    WHEN t.message_hash IS NOT NULL THEN messages.parts::VARCHAR
    WHEN t.type = 'arguments' THEN spans.tool_call_arguments
    WHEN t.type = 'result' THEN coalesce(_text_blocks(TRY_CAST(spans.tool_call_result AS JSON)), spans.tool_call_result, spans.status_message)
    WHEN t.type = 'section' THEN (SELECT any_value(text) FROM sections WHERE source_id = t.source_id AND hash(text) = t.text_id)
    WHEN t.type = 'agent_message' THEN (SELECT any_value(payload) FROM agent_messages WHERE source_id = t.source_id AND hash(payload) = t.text_id)
  END AS said
FROM flow_texts AS t
JOIN sources USING (source_id)
LEFT JOIN spans ON spans.preorder = t.preorder
LEFT JOIN messages ON messages.message_hash = t.message_hash
WHERE t.number IN (SELECT unnest($numbers::BIGINT[]));
