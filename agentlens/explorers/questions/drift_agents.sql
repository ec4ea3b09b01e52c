-- Agents by how much is known of them.
SELECT agent_name, count(*) AS observations, epoch_ms(min(time)::TIMESTAMP) AS first, epoch_ms(max(time)::TIMESTAMP) AS last
FROM observations
GROUP BY agent_name
ORDER BY observations DESC, agent_name
LIMIT {most}
