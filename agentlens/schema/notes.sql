-- What people noted while they looked into the case: their words, and the spans they pinned. Written by `lens.note()`; reading more logs leaves it.
CREATE TABLE notes (
  -- Number of the note, in the order of writing.
  note_id INTEGER NOT NULL,
  -- Where it belongs in a post-mortem: impact, timeline, cause, factor, action; NULL for a note in passing.
  section VARCHAR,
  -- The note.
  text VARCHAR NOT NULL,
  -- The spans it is pinned to.
  spans STRUCT(trace_id VARCHAR, span_id VARCHAR)[] NOT NULL,
  -- When it was written (UTC).
  written TIMESTAMP NOT NULL
);
