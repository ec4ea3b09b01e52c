-- What people suspect, the confirmed first.
SELECT statement, status, reason, spans, written
FROM hypotheses
ORDER BY list_position(['confirmed', 'open', 'rejected'], status), written, statement
