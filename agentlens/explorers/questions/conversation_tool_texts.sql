-- What tools were given and gave back, as the spans have it.
SELECT preorder, tool_name, tool_call_id, tool_call_arguments, tool_call_result
FROM spans
WHERE preorder IN (SELECT unnest($preorders::BIGINT[]));
