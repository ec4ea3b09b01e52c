-- Messages whole, by hash.
SELECT message_hash, parts::VARCHAR AS parts
FROM messages
WHERE message_hash IN (SELECT unnest($hashes::VARCHAR[]));
