-- Every step any agent took: model calls, tool calls, agent runs and the plumbing between, stored in tree order.
CREATE TABLE spans (
  -- Trace the span belongs to; for session logs, the session.
  trace_id VARCHAR NOT NULL,
  -- Identity of the span within its trace.
  span_id VARCHAR NOT NULL,
  -- The span that caused this one, as logged; NULL for a root. Orphans keep the id that could not be found.
  parent_span_id VARCHAR,
  -- Name as logged.
  name VARCHAR,
  -- `gen_ai.operation.name`: chat, generate_content, text_completion, embeddings, retrieval, execute_tool, invoke_agent, create_agent, invoke_workflow, plan; NULL for plumbing.
  operation_name VARCHAR,
  -- The agent that did it: as logged, else that of the nearest ancestor that names one (`is_agent_inherited`).
  agent_name VARCHAR,
  -- `gen_ai.agent.id`.
  agent_id VARCHAR,
  -- `gen_ai.agent.version`; for coding agents the version of the program.
  agent_version VARCHAR,
  -- The conversation: that of the root span where it names one, else as logged, else that of the nearest ancestor that names
  -- one (`is_conversation_inherited`); where the root's stands in place of a logged one, that is in `attributes`.
  conversation_id VARCHAR,
  -- `gen_ai.workflow.name`.
  workflow_name VARCHAR,
  -- `service.name` of the resource.
  service_name VARCHAR,
  -- When it began (UTC); NULL where the log gives no time.
  start_time TIMESTAMP_NS,
  -- When it ended (UTC); NULL when unfinished or unknown.
  end_time TIMESTAMP_NS,
  -- `end_time - start_time` in nanoseconds; NULL when either is unknown. Negative durations are kept.
  duration_ns BIGINT,
  -- UNSET, OK or ERROR.
  status_code VARCHAR NOT NULL,
  -- What the log says about the status.
  status_message VARCHAR,
  -- `error.type`, else the type of the recorded exception.
  error_type VARCHAR,
  -- True where the recorded exception steers the program (handoff, interrupt, deferred call) and is no failure.
  is_control_flow BOOLEAN NOT NULL,
  -- `gen_ai.provider.name` (`gen_ai.system` in older logs).
  provider_name VARCHAR,
  -- Model that was asked for.
  request_model VARCHAR,
  -- Model that answered.
  response_model VARCHAR,
  -- Why the model stopped, one entry a choice.
  response_finish_reasons VARCHAR[],
  -- Input tokens of this record, cached tokens always included.
  input_tokens BIGINT,
  -- Output tokens of this record, reasoning included.
  output_tokens BIGINT,
  -- Part of `input_tokens` served from the provider's cache.
  cache_read_input_tokens BIGINT,
  -- Part of `input_tokens` written to the provider's cache.
  cache_write_input_tokens BIGINT,
  -- Part of `output_tokens` spent on reasoning.
  reasoning_output_tokens BIGINT,
  -- What the token columns cover: `self` (this call), `rollup` (this span and what is below), `cumulative` (all so far); NULL without usage.
  usage_scope VARCHAR,
  -- Identity of the metered call: records with the same key are the same call, wherever they stand.
  usage_key VARCHAR,
  -- Cost in USD as the log reports it.
  reported_cost_usd DOUBLE,
  -- `gen_ai.tool.name`.
  tool_name VARCHAR,
  -- `gen_ai.tool.call.id`.
  tool_call_id VARCHAR,
  -- Arguments of the tool call, as logged (JSON where the log has JSON).
  tool_call_arguments VARCHAR,
  -- Result of the tool call, as logged.
  tool_call_result VARCHAR,
  -- Version of the prompt, where the log names one.
  prompt_version VARCHAR,
  -- Everything else the log says about the span, untouched, a JSON object.
  attributes JSON,
  -- Attributes of the emitting resource and scope, a JSON object.
  resource JSON,
  -- True when `agent_name` was taken from an ancestor.
  is_agent_inherited BOOLEAN NOT NULL,
  -- True when `conversation_id` was taken from the root or another ancestor.
  is_conversation_inherited BOOLEAN NOT NULL,
  -- True when `parent_span_id` names a span that is nowhere in the lens; the span stands as a root.
  is_orphan BOOLEAN NOT NULL,
  -- True when the span's link to its parent closed a cycle and was cut; the span stands as a root.
  is_cycle_broken BOOLEAN NOT NULL,
  -- Root of the tree this span stands in (its own `span_id` for a root).
  root_span_id VARCHAR NOT NULL,
  -- Number of ancestors.
  depth INTEGER NOT NULL,
  -- Place in the depth-first order of the whole lens: a span's subtree is `preorder` to `subtree_end - 1`.
  preorder BIGINT NOT NULL,
  -- `preorder` of the first span after the subtree.
  subtree_end BIGINT NOT NULL,
  -- The source it stands in.
  source_id INTEGER NOT NULL,
  -- Line of the source on which the record begins, counted from 1.
  source_line BIGINT,
  -- Byte offset of the record in the (decompressed) source.
  source_offset BIGINT,
  -- Length of the record in bytes.
  source_length BIGINT
);
