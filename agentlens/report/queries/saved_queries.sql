-- The questions people saved.
SELECT name, query, written FROM saved_queries ORDER BY name
