-- What the evidence lacks, over all sources. The checks that read every text, or compare every span with its parent, are left
-- to `completeness` itself: a badge must not take as long as the view it stands on.
SELECT format(something, sum(count)::BIGINT) AS says
FROM _completeness_counts
JOIN _completeness_checks USING (check_name)
WHERE count > 0
  AND check_name NOT IN ('clock_skew', 'truncation_marks', 'length_limits', 'without_status')
  AND (check_name <> 'date_gaps' OR source_id IS NULL)
GROUP BY place, something
ORDER BY place
