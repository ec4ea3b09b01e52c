-- How many tokens the models met in this lens take in. Filled by `al.detect()` from the model list of `genai-prices`, offline; a model that the list
-- does not know has no row.
CREATE TABLE context_windows (
  -- Model as logged (`response_model`, else `request_model`).
  model VARCHAR NOT NULL,
  -- Provider as logged; NULL where the log names none.
  provider_name VARCHAR,
  -- Size of its context window in tokens.
  tokens BIGINT NOT NULL,
  -- Model of the list that was matched.
  matched_model VARCHAR NOT NULL
);
