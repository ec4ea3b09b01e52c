-- What was looked for, and what could not be.
SELECT detector, scope, outcome, findings, reason, arguments
FROM checks
ORDER BY coalesce(list_position(['fired', 'could not look', 'found nothing'], outcome), 4), detector
