FROM measures_by(INTERVAL 1 {unit})
WHERE measure = '{measure}'
ORDER BY agent_name, tool_name, time_bucket
