-- Agents of whose steps, nineteen times in twenty, more than a tenth are the work of others or cross their own boundaries.
SELECT agent_name, judged, of_others, crossings, round(judged * score)::BIGINT AS away, score_before, score_after, away_since, nearest_other
FROM identity_drift
WHERE score_low > 0.1
ORDER BY score DESC, agent_name
