-- Which tool call read what another had written. Filled when lineage is first asked for.
CREATE TABLE flow_rereads (
  -- Place of the writing in tree order.
  from_preorder BIGINT NOT NULL,
  -- Place of the reading in tree order.
  to_preorder BIGINT NOT NULL,
  -- certain (same trace), likely (another trace, an absolute path, a key or a URL; or a shell command) or possible (another trace, a relative path).
  confidence VARCHAR NOT NULL,
  -- The path, key or URL.
  resource VARCHAR NOT NULL
);
