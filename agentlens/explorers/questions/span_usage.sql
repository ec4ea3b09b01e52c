-- What the ledger says about each usage record.
SELECT preorder, role, is_counted, rule, cost_usd, cost_source
FROM usage_ledger;
