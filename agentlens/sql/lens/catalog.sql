-- What is in this database, in its own words.

-- Every table, view and macro with its description, and under it every column with its own.
CREATE VIEW catalog (
  -- `table`, `view` or `macro`.
  kind,
  -- Name to ask for; a macro shows its arguments.
  name,
  -- Column, or NULL on the row that describes the whole.
  column_name,
  -- Type of the column.
  data_type,
  -- What it means.
  description
) AS
SELECT 'table' AS kind, table_name AS name, NULL AS column_name, NULL AS data_type, comment AS description
FROM duckdb_tables()
WHERE NOT internal AND NOT temporary AND database_name = current_database()
UNION ALL
SELECT 'view', view_name, NULL, NULL, comment
FROM duckdb_views()
WHERE NOT internal AND NOT temporary AND database_name = current_database() AND view_name NOT LIKE '\_%' ESCAPE '\'
UNION ALL
SELECT CASE WHEN v.view_name IS NULL THEN 'table' ELSE 'view' END, c.table_name, c.column_name, c.data_type, c.comment
FROM duckdb_columns() AS c
LEFT JOIN duckdb_views() AS v ON v.database_name = c.database_name AND v.view_name = c.table_name AND NOT v.internal
WHERE NOT c.internal AND c.database_name = current_database() AND c.table_name NOT LIKE '\_%' ESCAPE '\'
UNION ALL
SELECT 'macro', function_name || '(' || array_to_string(parameters, ', ') || ')', NULL, NULL, comment
FROM duckdb_functions()
WHERE NOT internal AND database_name = current_database() AND function_type IN ('macro', 'table_macro')
  AND function_name NOT LIKE '\_%' ESCAPE '\'
ORDER BY 1, 2, 3 NULLS FIRST;
