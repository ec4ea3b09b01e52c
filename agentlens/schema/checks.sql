-- One row a detector a run: fired, found nothing, or could not look and why. Silence is not blindness.
CREATE TABLE checks (
  -- Name of the detector.
  detector VARCHAR NOT NULL,
  -- Version of its rule.
  detector_version INTEGER NOT NULL,
  -- `trace` (looks at one trace at a time) or `fleet` (compares across traces).
  scope VARCHAR NOT NULL,
  -- `fired`, `found nothing` or `could not look`.
  outcome VARCHAR NOT NULL,
  -- Number of findings.
  findings BIGINT NOT NULL,
  -- Why it could not look, or what it could see only in part.
  reason VARCHAR,
  -- The thresholds used, a JSON object.
  arguments JSON
);
