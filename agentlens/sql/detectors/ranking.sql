-- The order in which findings are shown.

-- Place of a severity, the worst first: critical 1, warning 2, info 3.
CREATE MACRO severity_rank(severity) AS CASE severity WHEN 'critical' THEN 1 WHEN 'warning' THEN 2 WHEN 'info' THEN 3 ELSE 4 END;

-- Place of a tier, the surest first: proven 1, event 2, candidate 3.
CREATE MACRO tier_rank(tier) AS CASE tier WHEN 'proven' THEN 1 WHEN 'event' THEN 2 WHEN 'candidate' THEN 3 ELSE 4 END;
