-- A session that was written to several files is one document: the longest text stays, with its sections.
CREATE OR REPLACE TEMP TABLE kept_documents AS
SELECT document_id, arg_max(source_id, (source_length, -source_id)) AS kept_source_id
FROM (FROM staged_documents UNION ALL BY NAME FROM documents)
GROUP BY document_id
HAVING count(DISTINCT source_id) > 1;

DELETE FROM staged_documents AS d USING kept_documents AS k WHERE d.document_id = k.document_id AND d.source_id <> k.kept_source_id;
DELETE FROM staged_sections AS d USING kept_documents AS k WHERE d.document_id = k.document_id AND d.source_id <> k.kept_source_id;
DELETE FROM documents AS d USING kept_documents AS k WHERE d.document_id = k.document_id AND d.source_id <> k.kept_source_id;
DELETE FROM sections AS d USING kept_documents AS k WHERE d.document_id = k.document_id AND d.source_id <> k.kept_source_id;
