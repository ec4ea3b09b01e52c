-- How findings cite their proof.

-- One piece of evidence: where it stands, byte for byte, and what it says (at most 300 characters).
CREATE MACRO _evidence(source_id, source_line, source_offset, source_length, span_id, says) AS
struct_pack(
  source_id := source_id::INTEGER, source_line := source_line::BIGINT, source_offset := source_offset::BIGINT,
  source_length := source_length::BIGINT, span_id := span_id::VARCHAR,
  says := CASE WHEN length(says) > 300 THEN left(says, 299) || '…' ELSE says::VARCHAR END
);

-- A text on one line, its blanks single.
CREATE MACRO _on_one_line(text) AS trim(regexp_replace(text, '\s+', ' ', 'g'));

-- A text on one line, cut to a length that fits into a sentence.
CREATE MACRO _short(text, size) AS
CASE WHEN length(text) > size THEN left(_on_one_line(left(text, 4 * size)), size - 1) || '…' ELSE _on_one_line(text) END;

-- A length of time (nanoseconds) in whole seconds up to two minutes, in minutes up to two hours, then in hours.
CREATE MACRO _how_long(ns) AS
CASE WHEN ns < 120e9 THEN format('{} s', round(ns / 1e9)::BIGINT) WHEN ns < 7200e9 THEN format('{} min', round(ns / 6e10)::BIGINT)
  ELSE format('{} h', round(ns / 3.6e12)::BIGINT) END;

-- A moment as it is written in a sentence: time of day, or NULL.
CREATE MACRO _clock(moment) AS strftime(moment::TIMESTAMP, '%H:%M:%S');

-- A list without what stands in it already, in its order: the first span of a finding is the one that went wrong first.
CREATE MACRO _first_of_each(items) AS list_filter(items, lambda item, place: list_position(items, item) = place);

-- What a check says of what could not be judged: how many of those `seen` were left out, and what they lack. `what` is a plural; NULL where none was left out.
CREATE MACRO _unjudged(what, seen, left_out, lack) AS
CASE WHEN left_out > 0 THEN
  CASE WHEN seen = 1 THEN 'the only one of the ' ELSE format('{:,} of {:,} ', left_out, seen) END || what
  || CASE WHEN left_out = 1 THEN ' has ' || lack || ' and was not judged' ELSE ' have ' || lack || ' and were not judged' END END;

-- The same of calls that have no time where the order of time decides: all but the `timed` ones.
CREATE MACRO _untimed(what, seen, timed) AS _unjudged(what, seen, seen - timed, 'no time recorded');
