-- How many usage records count, do not count, and count without a price.
SELECT
  count(*) FILTER (is_counted) AS counted, count(*) FILTER (NOT is_counted) AS repeats,
  count(*) FILTER (is_counted AND cost_usd IS NULL) AS unpriced
FROM usage_ledger;
