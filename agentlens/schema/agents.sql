-- Every agent that is known by name, from identity files and manifests or, failing that, from its own traces and reports.
CREATE TABLE agents (
  -- `gen_ai.agent.name`.
  agent_name VARCHAR NOT NULL,
  -- `gen_ai.agent.id`, or the id in a manifest.
  agent_id VARCHAR,
  -- What it is there for.
  role VARCHAR,
  -- Version, where one is declared.
  agent_version VARCHAR,
  -- Model it is declared to use.
  model VARCHAR,
  -- Tools it is declared to have; NULL when nothing is declared.
  tools VARCHAR[],
  -- The agent it reports to.
  reports_to VARCHAR,
  -- Declared budgets, a JSON object.
  budget JSON,
  -- Everything else that is declared, a JSON object.
  attributes JSON,
  -- Where it is known from: `manifest`, `identity file`, `spans`, `status reports`, `messages`, `documents`.
  known_from VARCHAR NOT NULL,
  -- The source it was first met in.
  source_id INTEGER NOT NULL,
  -- Line of that record.
  source_line BIGINT,
  -- Byte offset of that record.
  source_offset BIGINT,
  -- Length of that record in bytes.
  source_length BIGINT
);
