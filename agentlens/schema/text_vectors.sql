-- What briefs, steps and definitions mean, as sentence embeddings of a model on disk. Filled by `lens.embed(model)`; empty otherwise.
CREATE TABLE text_vectors (
  -- MD5 of the text.
  text_hash VARCHAR NOT NULL,
  -- The embedding, of length 1.
  vector FLOAT[] NOT NULL,
  -- Folder of the model it was made with.
  model VARCHAR NOT NULL
);
