-- What this database is: schema version and the agentlens version that wrote it.
CREATE TABLE lens_properties (
  -- Name of the property.
  name VARCHAR NOT NULL,
  -- Its value.
  value VARCHAR
);
