-- First and last moment of the log.
SELECT min(start_time)::TIMESTAMP AS first, max(start_time)::TIMESTAMP AS last
FROM spans;
