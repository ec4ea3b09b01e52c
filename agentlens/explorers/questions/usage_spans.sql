-- The spans behind one bar of TokenEconomics.
SELECT span_id
FROM usage_ledger
WHERE is_counted
  AND CASE $by
    WHEN 'agent' THEN agent_name IS NOT DISTINCT FROM $agent_name
    WHEN 'model' THEN model IS NOT DISTINCT FROM $model AND provider_name IS NOT DISTINCT FROM $provider_name
    WHEN 'operation' THEN operation_name IS NOT DISTINCT FROM $operation_name
    ELSE agent_name IS NOT DISTINCT FROM $agent_name
      AND date_trunc($unit, start_time::TIMESTAMP) IS NOT DISTINCT FROM $time::TIMESTAMP
  END
ORDER BY preorder;
