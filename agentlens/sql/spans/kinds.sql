-- What kind of step a span is, said once for all views.

-- Kind of step an operation is: agent, model, tool, retrieval, workflow, else step.
CREATE MACRO _span_kind(operation) AS
CASE operation
  WHEN 'chat' THEN 'model'
  WHEN 'generate_content' THEN 'model'
  WHEN 'text_completion' THEN 'model'
  WHEN 'execute_tool' THEN 'tool'
  WHEN 'invoke_agent' THEN 'agent'
  WHEN 'create_agent' THEN 'agent'
  WHEN 'retrieval' THEN 'retrieval'
  WHEN 'embeddings' THEN 'retrieval'
  WHEN 'invoke_workflow' THEN 'workflow'
  ELSE 'step'
END;

-- What to call a span in one or two words: the tool, the model or the agent where it is one, else its name.
CREATE MACRO _span_label(operation, span_name, tool, answered_by, asked, agent) AS
coalesce(
  CASE _span_kind(operation)
    WHEN 'tool' THEN tool
    WHEN 'model' THEN coalesce(answered_by, asked)
    WHEN 'agent' THEN agent
  END,
  nullif(span_name, ''), operation, 'span'
);
