-- Which versions there are to compare.
SELECT
  count(DISTINCT prompt_version) AS prompt_version, count(DISTINCT agent_version) AS agent_version,
  count(DISTINCT coalesce(response_model, request_model)) AS model
FROM spans
WHERE start_time IS NOT NULL
