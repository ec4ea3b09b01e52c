-- What people noted, with the first moment of the spans it is pinned to.
SELECT
  note_id, section, text, notes.spans, written,
  (SELECT min(start_time) FROM spans WHERE (trace_id, span_id) IN (SELECT (pin.trace_id, pin.span_id) FROM (SELECT unnest(notes.spans) AS pin))) AS start_time
FROM notes
ORDER BY note_id
