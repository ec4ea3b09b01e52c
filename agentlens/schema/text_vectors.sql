-- What briefs, steps and definitions mean, as sentence embeddings. Filled by `lens.embed(model)`; empty otherwise.
CREATE TABLE text_vectors (
  -- MD5 of the text.
  text_hash VARCHAR NOT NULL,
  -- The embedding, of length 1.
  vector FLOAT[] NOT NULL,
  -- The model it was made with: its folder, or the class of the encoder.
  model VARCHAR NOT NULL
);
