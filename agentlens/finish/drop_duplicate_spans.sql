-- One span stays for each (trace, span id): finished before unfinished, then more output tokens, more said (some exports lose
-- what the model answered), the later end, the fuller attributes, then any content before any place, so that the order of reading never decides. Where records are spans, a
-- dropped one counts as skipped; its events, links and messages go with it.
CREATE TEMP TABLE ranked_spans AS
WITH
-- How much text each copy has of what was answered.
answers AS (
  SELECT shown.trace_id, shown.span_id, shown.source_id, shown.source_offset, sum(bytes) AS said
  FROM (
    SELECT * FROM staged_span_message_ranges UNION ALL BY NAME SELECT * FROM span_message_ranges
  ) AS shown
  SEMI JOIN doubled_spans USING (trace_id, span_id)
  JOIN (FROM staged_message_lists UNION ALL BY NAME FROM message_lists) AS listed ON listed.list_id = shown.list_id AND list_index < shown.length
  JOIN (SELECT message_hash, any_value(bytes) AS bytes FROM (SELECT message_hash, bytes FROM staged_messages UNION ALL SELECT message_hash, bytes FROM messages) GROUP BY message_hash) USING (message_hash)
  WHERE direction = 'output' AND bytes > 2
  GROUP BY ALL
),
weighed AS (
  SELECT compared.*, said
  FROM compared_spans AS compared
  LEFT JOIN answers ON is_record AND answers.trace_id = compared.trace_id AND answers.span_id = compared.span_id AND answers.source_id = compared.source_id
    AND answers.source_offset IS NOT DISTINCT FROM compared.source_offset
)
SELECT
  staged_row, trace_id, span_id, source_id, source_offset, is_record,
  row_number() OVER better AS rank,
  first_value(source_id) OVER better AS kept_source_id
FROM weighed
WINDOW better AS (
  PARTITION BY trace_id, span_id
  ORDER BY
    end_time IS NULL, output_tokens DESC NULLS LAST, said DESC NULLS LAST, end_time DESC NULLS LAST, fullness DESC NULLS LAST,
    CASE WHEN is_record THEN content END, source_id, source_offset, staged_row DESC
);

-- Where a log gives each id once: the dropped records that say, or show, something other than the one of their source that stays.
CREATE TEMP TABLE reused_ids AS
WITH
records AS (
  SELECT ranked.*, content
  FROM ranked_spans AS ranked
  JOIN compared_spans USING (staged_row)
  WHERE ranked.source_id = kept_source_id AND ranked.source_id IN (FROM single_use_sources)
),
shown AS (
  SELECT r.staged_row, bit_xor(hash(direction, position + list_index, message_hash)) AS messages
  FROM records AS r
  JOIN (FROM staged_span_message_ranges UNION ALL BY NAME FROM span_message_ranges) AS m
    ON m.trace_id = r.trace_id AND m.span_id = r.span_id AND m.source_id = r.source_id AND m.source_offset = r.source_offset
  JOIN (FROM staged_message_lists UNION ALL BY NAME FROM message_lists) AS listed ON listed.list_id = m.list_id AND list_index < m.length
  GROUP BY ALL
),
told AS (
  SELECT trace_id, span_id, source_id, rank, content, messages, s.source_line, s.source_offset, s.source_length
  FROM records
  LEFT JOIN shown USING (staged_row)
  JOIN (SELECT rowid AS staged_row, source_line, source_offset, source_length FROM staged_spans) AS s USING (staged_row)
)
SELECT
  d.source_id, d.source_line, d.source_offset, d.source_length, k.source_offset AS kept_offset, k.source_length AS kept_length
FROM told AS d
JOIN told AS k ON k.trace_id = d.trace_id AND k.span_id = d.span_id AND k.rank = 1
WHERE d.rank > 1 AND (d.content <> k.content OR d.messages IS DISTINCT FROM k.messages);

CREATE TEMP TABLE dropped_records AS
SELECT source_id, count(*) AS dropped FROM ranked_spans WHERE rank > 1 AND is_record GROUP BY source_id;

UPDATE staged_sources AS s
SET
  accepted = s.accepted - d.dropped,
  skipped = s.skipped + d.dropped,
  skipped_reasons = json_merge_patch(
    s.skipped_reasons, json_object(getvariable('duplicate'), coalesce((s.skipped_reasons->>getvariable('duplicate'))::BIGINT, 0) + d.dropped)
  )
FROM dropped_records AS d
WHERE s.source_id = d.source_id;

UPDATE sources AS s
SET
  accepted = s.accepted - d.dropped,
  skipped = s.skipped + d.dropped,
  skipped_reasons = json_merge_patch(
    s.skipped_reasons, json_object(getvariable('duplicate'), coalesce((s.skipped_reasons->>getvariable('duplicate'))::BIGINT, 0) + d.dropped)
  )
FROM dropped_records AS d
WHERE s.source_id = d.source_id AND s.source_id NOT IN (SELECT source_id FROM staged_sources);

-- What another source says of a span that stays is kept beside it: two logs of one run can be compared.
INSERT INTO staged_span_copies BY NAME
SELECT
  s.trace_id, s.span_id, s.operation_name, s.start_time, s.end_time, s.status_code, s.input_tokens, s.output_tokens,
  s.source_id, s.source_line, s.source_offset, s.source_length
FROM staged_spans AS s
JOIN ranked_spans AS r ON r.staged_row = s.rowid
WHERE r.rank > 1 AND r.source_id <> r.kept_source_id;

DELETE FROM staged_spans WHERE rowid IN (SELECT staged_row FROM ranked_spans WHERE rank > 1);

-- What hung on a dropped span: all of it where another source's span stays, else what stands at its own place.
CREATE TEMP TABLE dropped_spans AS
SELECT DISTINCT trace_id, span_id, source_id, CASE WHEN source_id = kept_source_id THEN source_offset END AS source_offset
FROM ranked_spans
WHERE rank > 1 AND (source_id <> kept_source_id OR is_record);

DELETE FROM staged_span_message_ranges AS m USING dropped_spans AS d
WHERE m.trace_id = d.trace_id AND m.span_id = d.span_id AND m.source_id = d.source_id
  AND (d.source_offset IS NULL OR m.source_offset = d.source_offset);

DELETE FROM staged_span_events AS m USING dropped_spans AS d
WHERE m.trace_id = d.trace_id AND m.span_id = d.span_id AND m.source_id = d.source_id
  AND (d.source_offset IS NULL OR m.source_offset = d.source_offset);

DELETE FROM staged_span_links AS m USING dropped_spans AS d
WHERE m.trace_id = d.trace_id AND m.span_id = d.span_id AND m.source_id = d.source_id
  AND (d.source_offset IS NULL OR m.source_offset = d.source_offset);

DELETE FROM span_message_ranges AS m USING dropped_spans AS d
WHERE m.trace_id = d.trace_id AND m.span_id = d.span_id AND m.source_id = d.source_id
  AND (d.source_offset IS NULL OR m.source_offset = d.source_offset);

DELETE FROM span_events AS m USING dropped_spans AS d
WHERE m.trace_id = d.trace_id AND m.span_id = d.span_id AND m.source_id = d.source_id
  AND (d.source_offset IS NULL OR m.source_offset = d.source_offset);

DELETE FROM span_links AS m USING dropped_spans AS d
WHERE m.trace_id = d.trace_id AND m.span_id = d.span_id AND m.source_id = d.source_id
  AND (d.source_offset IS NULL OR m.source_offset = d.source_offset);

-- Session logs spread one span over several lines, so its rows have places of their own: the last one staged at each position
-- stays, of messages the last statement of a window from its beginning on, and replaces what an earlier read left there.
CREATE TEMP TABLE respun_spans AS
SELECT trace_id, span_id FROM ranked_spans GROUP BY ALL HAVING NOT bool_or(is_record);

DELETE FROM staged_span_message_ranges WHERE rowid IN (
  SELECT rowid FROM staged_span_message_ranges SEMI JOIN respun_spans USING (trace_id, span_id)
  QUALIFY rowid < max(rowid) FILTER (position = 0) OVER (PARTITION BY trace_id, span_id, direction)
);

DELETE FROM staged_span_events WHERE rowid IN (
  SELECT rowid FROM staged_span_events SEMI JOIN respun_spans USING (trace_id, span_id)
  QUALIFY row_number() OVER (PARTITION BY trace_id, span_id, event_index ORDER BY rowid DESC) > 1
);

DELETE FROM staged_span_links WHERE rowid IN (
  SELECT rowid FROM staged_span_links SEMI JOIN respun_spans USING (trace_id, span_id)
  QUALIFY row_number() OVER (PARTITION BY trace_id, span_id, link_index ORDER BY rowid DESC) > 1
);

-- An earlier read's rows give way from the first position stated again on; those before it stand, because a grown log only adds.
CREATE TEMP TABLE restated_messages AS
SELECT trace_id, span_id, direction, min(position) AS first FROM staged_span_message_ranges SEMI JOIN respun_spans USING (trace_id, span_id) GROUP BY ALL;

DELETE FROM span_message_ranges AS m USING restated_messages AS s
WHERE m.trace_id = s.trace_id AND m.span_id = s.span_id AND m.direction = s.direction AND m.position >= s.first;

UPDATE span_message_ranges AS m SET length = s.first - m.position FROM restated_messages AS s
WHERE m.trace_id = s.trace_id AND m.span_id = s.span_id AND m.direction = s.direction AND m.position + m.length > s.first;

DELETE FROM span_events AS m USING (
  SELECT trace_id, span_id, min(event_index) AS first FROM staged_span_events SEMI JOIN respun_spans USING (trace_id, span_id) GROUP BY ALL
) AS s
WHERE m.trace_id = s.trace_id AND m.span_id = s.span_id AND m.event_index >= s.first;

DELETE FROM span_links AS m USING (
  SELECT trace_id, span_id, min(link_index) AS first FROM staged_span_links SEMI JOIN respun_spans USING (trace_id, span_id) GROUP BY ALL
) AS s
WHERE m.trace_id = s.trace_id AND m.span_id = s.span_id AND m.link_index >= s.first;
