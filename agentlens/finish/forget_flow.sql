-- What was known of lineage no longer holds once evidence has changed; it is worked out again when it is asked for.
DELETE FROM flow_texts;
DELETE FROM flow_tokens;
DELETE FROM flow_quotes;
DELETE FROM flow_rereads;
DELETE FROM unmended_failures;
DELETE FROM lens_properties WHERE name = 'flow_index';
