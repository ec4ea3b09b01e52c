-- First and last moment of counted usage.
SELECT min(start_time)::TIMESTAMP AS first, max(start_time)::TIMESTAMP AS last
FROM usage_ledger
WHERE is_counted;
