-- Drops what only the making of the flow graph needed.
DROP TABLE flow_bodies;
DROP TABLE flow_found;
