-- The spans behind what is picked in TokenEconomics; `known` names the fields that it says.
SELECT span_id
FROM usage_ledger
WHERE is_counted
  AND (NOT list_contains($known, 'agent_name') OR agent_name IS NOT DISTINCT FROM $agent_name)
  AND (NOT list_contains($known, 'model') OR model IS NOT DISTINCT FROM $model)
  AND (NOT list_contains($known, 'provider_name') OR provider_name IS NOT DISTINCT FROM $provider_name)
  AND (NOT list_contains($known, 'operation_name') OR operation_name IS NOT DISTINCT FROM $operation_name)
  AND (NOT list_contains($known, 'time') OR date_trunc($unit, start_time::TIMESTAMP) IS NOT DISTINCT FROM $time::TIMESTAMP)
ORDER BY preorder;
