-- Who is meant to hand work to whom, and when: the rows of delegation matrices and of `delegations` in manifests.
CREATE TABLE delegations (
  -- The agent that may hand over.
  delegator VARCHAR NOT NULL,
  -- The agent it may hand over to.
  delegate VARCHAR NOT NULL,
  -- When, in the words of the document; NULL where nothing is said.
  condition VARCHAR,
  -- The source it stands in.
  source_id INTEGER NOT NULL,
  -- Line of the source.
  source_line BIGINT,
  -- Byte offset.
  source_offset BIGINT,
  -- Length in bytes.
  source_length BIGINT
);
