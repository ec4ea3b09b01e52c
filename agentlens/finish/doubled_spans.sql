-- The names that several staged spans have.
CREATE OR REPLACE TEMP TABLE doubled_spans AS
SELECT trace_id, span_id FROM staged_spans GROUP BY ALL HAVING count(*) > 1;
