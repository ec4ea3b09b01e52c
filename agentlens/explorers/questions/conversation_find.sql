-- The messages of a story that hold a text, whatever its case.
SELECT message_hash
FROM messages
WHERE message_hash IN (SELECT unnest($hashes::VARCHAR[])) AND contains(lower(_message_text(parts)), lower($text));
