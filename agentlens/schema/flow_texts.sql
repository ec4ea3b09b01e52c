-- Every text at every step that wrote it or was given it: once a step, in windows once on arrival. Filled when lineage is first asked for.
CREATE TABLE flow_texts (
  -- Number of the row, from 1.
  number BIGINT NOT NULL,
  -- Number that stands for the text: equal texts have equal numbers.
  text_id UBIGINT NOT NULL,
  -- `said` (the step made it: what a model wrote, what a tool answered, a document) or `heard` (the step was given it: a message on arrival in a window, the arguments of a tool call).
  side VARCHAR NOT NULL,
  -- text, reasoning, tool_call, tool_call_response or another type of part; `arguments` and `result` of a tool call; `agent_message`; `section`.
  type VARCHAR,
  -- Length in bytes.
  bytes BIGINT NOT NULL,
  -- Place of the step in tree order; NULL for documents and for messages of no step.
  preorder BIGINT,
  -- Place of the step that it came from whole; NULL where the log has none.
  from_preorder BIGINT,
  -- Trace of the step.
  trace_id VARCHAR,
  -- The agent whose step it is.
  agent_name VARCHAR,
  -- The window: a number that stands for agent, conversation and run; for tool calls, for agent and trace.
  window_id UBIGINT,
  -- When it was said or heard, in nanoseconds since 1970 (UTC); without times, place in tree order.
  moment BIGINT,
  -- When the window last held it: the start of the last call that was sent it; of what a model said, the start of that call.
  until BIGINT,
  -- The message it is a part of; NULL for tool calls without one and for documents.
  message_hash VARCHAR,
  -- Position in the message, from 0.
  part_index INTEGER,
  -- The source it stands in.
  source_id INTEGER NOT NULL,
  -- Line of the record it stands in.
  source_line BIGINT,
  -- Byte offset of that record.
  source_offset BIGINT,
  -- Length of that record in bytes.
  source_length BIGINT
);
