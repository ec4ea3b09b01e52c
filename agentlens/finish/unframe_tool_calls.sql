-- OpenLLMetry frames what a tool was given: `{"inputs": {...}}`, with `input_str`, `tags` and the like beside it, or `{"args": [], "kwargs": {...}}`.
-- What was given are the arguments of the call, by their own names; the frame stays among the attributes, as logged.
CREATE OR REPLACE TEMP TABLE unframed_arguments AS
SELECT staged_row, framed, coalesce(nullif(said->'$.inputs', '{}'), said->'$.kwargs') AS given
FROM (
  SELECT rowid AS staged_row, tool_call_arguments AS framed, TRY_CAST(tool_call_arguments AS JSON) AS said
  FROM staged_spans
  WHERE operation_name = 'execute_tool' AND regexp_matches(tool_call_arguments, '^\{"(inputs|input_str|args|kwargs)"')
    AND attributes->>'$."traceloop.entity.name"' IS NOT NULL
)
WHERE json_type(coalesce(nullif(said->'$.inputs', '{}'), said->'$.kwargs')) = 'OBJECT' AND coalesce(json_array_length(said->'$.args'), 0) = 0;

UPDATE staged_spans AS s
SET
  tool_call_arguments = given::VARCHAR,
  attributes = json_merge_patch(s.attributes, json_object('traceloop.entity.input', framed))
FROM unframed_arguments AS u
WHERE s.rowid = u.staged_row;

DROP TABLE unframed_arguments;

-- What the tool answered it frames as well: as a JSON string, or as `{"output": ..., "kwargs": {...}}`, where a LangChain message may stand for its text; what a chain answered, as `{"outputs": ...}`.
CREATE OR REPLACE TEMP TABLE unframed_results AS
SELECT
  staged_row, said->'$.kwargs' AS frame,
  CASE WHEN json_type(said) = 'VARCHAR' THEN said->>'$' ELSE coalesce(said->>'$.output.kwargs.content', said->>'$.output.content', said->>'$.output', said->>'$.outputs') END AS given
FROM (
  SELECT rowid AS staged_row, TRY_CAST(tool_call_result AS JSON) AS said
  FROM staged_spans
  WHERE operation_name = 'execute_tool' AND regexp_matches(tool_call_result, '^("|\{"outputs?": ?)') AND attributes->>'$."traceloop.entity.name"' IS NOT NULL
)
WHERE json_type(said) = 'VARCHAR' OR json_type(said->'$.kwargs') = 'OBJECT' OR json_keys(said) = ['outputs'];

UPDATE staged_spans AS s
SET
  tool_call_result = given,
  attributes = CASE WHEN frame IS NULL THEN s.attributes ELSE json_merge_patch(s.attributes, json_object('traceloop.entity.output.kwargs', frame)) END
FROM unframed_results AS u
WHERE s.rowid = u.staged_row AND given IS NOT NULL;

DROP TABLE unframed_results;
