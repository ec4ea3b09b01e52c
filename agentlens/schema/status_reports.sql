-- What agents said about themselves: heartbeats and reports, one row an agent a report.
CREATE TABLE status_reports (
  -- `heartbeat`, `pax`, `report` (a line of a home-grown log), `table` (a table of agents and their status), `liveness` (a liveness file) or `checkpoint` (of a wave).
  kind VARCHAR NOT NULL,
  -- Number of the wave, where given.
  wave INTEGER,
  -- The agent whose status it is.
  agent_name VARCHAR,
  -- To whom it was reported, where given.
  recipient VARCHAR,
  -- When it was reported (UTC unless the text says otherwise).
  time TIMESTAMP_NS,
  -- Upper-case status word: COMPLETE, BLOCKED, IN_PROGRESS, IDLE, FAILED, ...
  status VARCHAR,
  -- What was said beside the status word.
  detail VARCHAR,
  -- Deliverables named in the report.
  deliverables VARCHAR[],
  -- Blockers named in the report.
  blockers VARCHAR[],
  -- What was announced to come next.
  next_action VARCHAR,
  -- Everything else the report says, a JSON object.
  attributes JSON,
  -- The source it stands in.
  source_id INTEGER NOT NULL,
  -- Line of the source.
  source_line BIGINT,
  -- Byte offset.
  source_offset BIGINT,
  -- Length in bytes.
  source_length BIGINT
);
