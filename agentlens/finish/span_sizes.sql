-- How many bytes the texts of staged spans have.
SELECT
  rowid AS staged_row,
  coalesce(strlen(tool_call_arguments), 0) + coalesce(strlen(tool_call_result), 0) + coalesce(strlen(attributes), 0)
    + coalesce(strlen(resource), 0) + coalesce(strlen(status_message), 0) AS bytes
FROM staged_spans
WHERE rowid BETWEEN $first_row AND $last_row;
