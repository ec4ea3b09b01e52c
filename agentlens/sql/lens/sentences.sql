-- How counts stand in sentences.

-- A count with its noun: 1 span, 2 spans.
CREATE MACRO _plural(number, noun) AS format('{:,} {}{}', number::BIGINT, noun, CASE WHEN number = 1 THEN '' ELSE 's' END);

-- How often something was done: once, 2 times.
CREATE MACRO _times(number) AS CASE WHEN number = 1 THEN 'once' ELSE format('{:,} times', number::BIGINT) END;
