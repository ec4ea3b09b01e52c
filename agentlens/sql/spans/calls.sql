-- Model calls and tool calls, each once.

-- The traces in which something ran inside a call of some operations. Few logs have any, so calls logged twice are looked for in these only.
CREATE MACRO _traces_with_something_inside(operations) AS TABLE
SELECT DISTINCT trace_id FROM spans WHERE list_contains(operations, operation_name) AND subtree_end > preorder + 1;

-- Calls of models that another one stands for, inside or around them.
CREATE VIEW _model_calls_logged_twice (
  -- Trace of the call.
  trace_id,
  -- Place in tree order.
  preorder
) AS
WITH calls AS (
  SELECT trace_id, preorder, subtree_end, input_tokens IS NOT NULL OR output_tokens IS NOT NULL AS is_metered
  FROM spans
  SEMI JOIN _traces_with_something_inside(['chat', 'generate_content', 'text_completion']) USING (trace_id)
  WHERE operation_name IN ('chat', 'generate_content', 'text_completion')
),
nested AS (
  SELECT
    *, lead(preorder) OVER in_order < subtree_end AS has_call_below,
    min(CASE WHEN is_metered THEN preorder END) OVER later < subtree_end AS has_metered_below,
    max(CASE WHEN is_metered THEN subtree_end END) OVER earlier > preorder AS has_metered_above
  FROM calls
  WINDOW
    in_order AS (PARTITION BY trace_id ORDER BY preorder),
    later AS (PARTITION BY trace_id ORDER BY preorder DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
    earlier AS (PARTITION BY trace_id ORDER BY preorder ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
)
SELECT trace_id, preorder
FROM nested
WHERE CASE WHEN is_metered THEN has_metered_below ELSE has_call_below OR has_metered_above END;

-- Every call of a model once. Where instrumentations log one call inside another, the innermost one that knows its tokens
-- stands for it, else the innermost.
CREATE VIEW llm_calls (
  -- Trace of the call.
  trace_id,
  -- Span of the call.
  span_id,
  -- The agent that called.
  agent_name,
  -- Version of the agent.
  agent_version,
  -- The conversation.
  conversation_id,
  -- `gen_ai.operation.name`: chat, generate_content or text_completion.
  operation_name,
  -- `gen_ai.provider.name`.
  provider_name,
  -- The model that answered, else the one that was asked for.
  model,
  -- Version of the prompt.
  prompt_version,
  -- When it began (UTC).
  start_time,
  -- When it ended (UTC); NULL when unfinished.
  end_time,
  -- Duration in nanoseconds.
  duration_ns,
  -- UNSET, OK or ERROR.
  status_code,
  -- `error.type`.
  error_type,
  -- Why the model stopped, one entry a choice.
  response_finish_reasons,
  -- Input tokens, cached ones included. For sums, ask `usage_ledger`.
  input_tokens,
  -- Output tokens, reasoning included.
  output_tokens,
  -- Part of `input_tokens` served from the cache.
  cache_read_input_tokens,
  -- Part of `input_tokens` written to the cache.
  cache_write_input_tokens,
  -- Part of `output_tokens` spent on reasoning.
  reasoning_output_tokens,
  -- Place in tree order.
  preorder
) AS
SELECT
  trace_id, span_id, agent_name, agent_version, conversation_id, operation_name, provider_name,
  coalesce(response_model, request_model), prompt_version, start_time, end_time, duration_ns, status_code, error_type,
  response_finish_reasons, input_tokens, output_tokens, cache_read_input_tokens, cache_write_input_tokens,
  reasoning_output_tokens, preorder
FROM spans
ANTI JOIN _model_calls_logged_twice USING (trace_id, preorder)
WHERE operation_name IN ('chat', 'generate_content', 'text_completion');

-- Calls of tools that the next one inside them stands for.
CREATE VIEW _tool_calls_logged_twice (
  -- Trace of the call.
  trace_id,
  -- Place in tree order.
  preorder
) AS
SELECT trace_id, preorder
FROM spans
SEMI JOIN _traces_with_something_inside(['execute_tool']) USING (trace_id)
WHERE operation_name = 'execute_tool'
WINDOW tools AS (PARTITION BY trace_id ORDER BY preorder)
QUALIFY lead(preorder) OVER tools < subtree_end
  AND coalesce(lead(tool_name) OVER tools, '') = coalesce(tool_name, '')
  AND coalesce(lead(tool_call_id) OVER tools, tool_call_id, '') = coalesce(tool_call_id, '')
  -- An agent that hands work on from within work handed to it makes two calls, and their arguments differ.
  AND coalesce(lead(tool_call_arguments) OVER tools, tool_call_arguments, '') = coalesce(tool_call_arguments, lead(tool_call_arguments) OVER tools, '');

-- Every call of a tool once: where instrumentations log one call inside another of the same tool, the innermost.
CREATE VIEW tool_calls (
  -- Trace of the call.
  trace_id,
  -- Span of the call.
  span_id,
  -- The agent that called.
  agent_name,
  -- The conversation.
  conversation_id,
  -- `gen_ai.tool.name`.
  tool_name,
  -- `gen_ai.tool.call.id`.
  tool_call_id,
  -- Arguments as logged.
  tool_call_arguments,
  -- Result as logged.
  tool_call_result,
  -- When it began (UTC).
  start_time,
  -- When it ended (UTC); NULL when unfinished.
  end_time,
  -- Duration in nanoseconds.
  duration_ns,
  -- UNSET, OK or ERROR.
  status_code,
  -- True where it failed: status ERROR and no handoff or interrupt.
  is_error,
  -- What the log says about the status.
  status_message,
  -- `error.type`.
  error_type,
  -- Length of the result in bytes: what the next prompt has to carry.
  result_bytes,
  -- Place in tree order.
  preorder,
  -- `preorder` of the first span after what ran inside the call.
  subtree_end
) AS
SELECT
  trace_id, span_id, agent_name, conversation_id, tool_name, tool_call_id, tool_call_arguments, tool_call_result,
  start_time, end_time, duration_ns, status_code, status_code = 'ERROR' AND NOT is_control_flow, status_message, error_type,
  strlen(tool_call_result), preorder, subtree_end
FROM spans
ANTI JOIN _tool_calls_logged_twice USING (trace_id, preorder)
WHERE operation_name = 'execute_tool';
