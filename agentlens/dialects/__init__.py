"""What attributes mean: one module a vocabulary, each turning its own names into the columns of `spans`.

A dialect has a `NAME`, `applies(attributes)` and `read_columns(attributes, name)`. Spans with the same attributes of the same
types are worked out once: a dialect may be given placeholders for values and for the name, and what it looks at (`==`, `in`,
`value[:1]`, any method) is remembered with the outcome. `isinstance` tells the class of a placeholder, `type()` does not.
"""
