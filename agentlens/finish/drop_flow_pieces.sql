-- Drops what only the making of the flow graph needed.
DROP TABLE IF EXISTS temp.flow_bodies;
DROP TABLE IF EXISTS temp.flow_runs;
DROP TABLE IF EXISTS temp.flow_hits;
DROP TABLE IF EXISTS temp.flow_found;
DROP TABLE IF EXISTS temp.flow_pairs;
DROP TABLE IF EXISTS temp.flow_standing;
DROP TABLE IF EXISTS temp.flow_members;
