-- What decides between spans of one name.
SELECT
  staged_row, trace_id, span_id, source_id, source_offset, end_time, output_tokens, length(attributes) AS fullness,
  source_id IN (FROM span_record_sources) AS is_record,
  hash(*COLUMNS(* EXCLUDE (staged_row, source_id, source_line, source_offset, source_length))) AS content
FROM (
  SELECT rowid AS staged_row, *
  FROM staged_spans
  SEMI JOIN doubled_spans USING (trace_id, span_id)
  WHERE rowid BETWEEN $first_row AND $last_row
);
