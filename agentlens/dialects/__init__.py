"""What attributes mean: one module a vocabulary, each turning its own names into the columns of `spans`."""
