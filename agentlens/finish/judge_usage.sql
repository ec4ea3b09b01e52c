-- The ledger is written anew: a later read may bring what a record repeats, or the calls below a total.
DELETE FROM usage_ledger;

INSERT INTO usage_ledger BY NAME FROM _judged_usage() ORDER BY preorder;
