-- Questions of one's own, by name: `lens.<name>` asks them again. Written by `lens.save_query()`; reading more logs leaves it.
CREATE TABLE saved_queries (
  -- Its name.
  name VARCHAR NOT NULL,
  -- The SQL, one SELECT.
  query VARCHAR NOT NULL,
  -- When it was written (UTC).
  written TIMESTAMP NOT NULL
);
