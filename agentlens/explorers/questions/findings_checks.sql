-- What every detector made of the lens: fired first, then those that could not look.
SELECT detector, outcome, findings::INTEGER AS findings, reason
FROM checks
ORDER BY CASE outcome WHEN 'fired' THEN 1 WHEN 'could not look' THEN 2 ELSE 3 END, detector;
