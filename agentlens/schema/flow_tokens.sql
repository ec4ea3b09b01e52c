-- Which values stand in which texts: numbers, dates, identifiers, paths and addresses as whole tokens. Filled when lineage is first asked for.
CREATE TABLE flow_tokens (
  -- The value as written, without currency sign and closing punctuation.
  token VARCHAR NOT NULL,
  -- The text, as in `flow_texts`.
  text_id UBIGINT NOT NULL,
  -- The number it stands for (`12.5k` is 12500, `40%` is 0.4); NULL for what is no number.
  number DOUBLE
);
