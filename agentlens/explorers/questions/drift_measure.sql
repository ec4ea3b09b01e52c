FROM measures_by(INTERVAL 1 {unit}, kept := '{dimension}')
WHERE measure = '{measure}'
ORDER BY agent_name, tool_name, member, time_bucket
