-- How findings cite their proof.

-- One piece of evidence: where it stands, byte for byte, and what it says (at most 300 characters).
CREATE MACRO _evidence(source_id, source_line, source_offset, source_length, span_id, says) AS
struct_pack(
  source_id := source_id::INTEGER, source_line := source_line::BIGINT, source_offset := source_offset::BIGINT,
  source_length := source_length::BIGINT, span_id := span_id::VARCHAR,
  says := CASE WHEN length(says) > 300 THEN left(says, 299) || '…' ELSE says::VARCHAR END
);

-- A text cut to a length that fits into a sentence.
CREATE MACRO _short(text, size) AS CASE WHEN length(text) > size THEN left(text, size - 1) || '…' ELSE text END;

-- A moment as it is written in a sentence: time of day, or NULL.
CREATE MACRO _clock(moment) AS strftime(moment::TIMESTAMP, '%H:%M:%S');

-- A list without what stands in it already, in its order: the first span of a finding is the one that went wrong first.
CREATE MACRO _first_of_each(items) AS list_filter(items, lambda item, place: list_position(items, item) = place);

-- What a check says of calls that have no time where the order of time decides: how many of `seen` were not judged; NULL where all `timed` are.
CREATE MACRO _untimed(what, seen, timed) AS
CASE WHEN timed < seen THEN format('{} of {} {} have no time recorded and were not judged', seen - timed, seen, what) END;
