-- Every file that was read: what it is, how much of it became evidence, and what it is known to lack.
-- The law of the house: records = accepted + rejected + skipped, for every source.
CREATE TABLE sources (
  -- Number of the source within this lens; every evidence row points here.
  source_id INTEGER NOT NULL,
  -- Absolute path of the file when it was read.
  path VARCHAR NOT NULL,
  -- Where the archive keeps the bytes it was read from; NULL when it was read where it stands.
  stored_at VARCHAR,
  -- SHA-256 of the bytes on disk (of the compressed bytes, when the file was compressed).
  sha256 VARCHAR NOT NULL,
  -- Size on disk in bytes.
  bytes BIGINT NOT NULL,
  -- `gzip`, `zstd`, `utf-16`, or NULL. Byte offsets of such a source count decompressed bytes, and those of UTF-8.
  compression VARCHAR,
  -- The loader that claimed the file, e.g. `otlp`, `claude_code`.
  format VARCHAR NOT NULL,
  -- What the attributes meant: `gen_ai`, `openinference`, ..., several joined by `+`; NULL where a format has one meaning only.
  dialect VARCHAR,
  -- Version of the loader's reading rules; a change makes the source be read again.
  loader_version INTEGER NOT NULL,
  -- How this source counts cached tokens in `input_tokens`: `includes cache`, `excludes cache (added by the loader)`, or NULL without usage.
  input_tokens_meaning VARCHAR,
  -- Records met: lines of a line format, spans of a span format, sections of markdown.
  records BIGINT NOT NULL,
  -- Records that became evidence.
  accepted BIGINT NOT NULL,
  -- Records that could not be used; each is a row of `rejects`.
  rejected BIGINT NOT NULL,
  -- Records left out on purpose; `skipped_reasons` says why.
  skipped BIGINT NOT NULL,
  -- Count of skipped records by reason, a JSON object.
  skipped_reasons JSON,
  -- Earliest time in the source (UTC).
  first_time TIMESTAMP_NS,
  -- Latest time in the source (UTC).
  last_time TIMESTAMP_NS,
  -- What the source is known to lack: caps, truncation marks, absent sub-agent files; one sentence each.
  known_missing VARCHAR[],
  -- Decompressed bytes consumed up to the end of the last whole line; reading goes on from here when the file has grown.
  resume_offset BIGINT,
  -- What the loader must remember to go on from `resume_offset`, a JSON object; NULL when it needs nothing or cannot resume.
  resume_state JSON
);
