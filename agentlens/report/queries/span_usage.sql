-- What counts of their tokens, and why.
SELECT preorder, role, is_counted, rule, cost_usd, cost_source
FROM usage_ledger
JOIN (SELECT unnest($preorders::BIGINT[]) AS preorder) USING (preorder)
