-- What was passed on otherwise than it had come: in another unit, with two values changed over, or made up where nothing had come.
-- include: messages.texts
-- include: flow.texts
-- include: flow.tokens
-- include: recovery.attempts
-- include: recovery.told

-- What a word or sign measures and in which unit, as `money:cent`; NULL for other words.
CREATE MACRO _unit_of(word) AS
MAP {'cent': 'money:cent', 'cents': 'money:cent', 'ct': 'money:cent', 'pence': 'money:cent', 'eur': 'money:eur', 'euro': 'money:eur', 'euros': 'money:eur', '€': 'money:eur', 'usd': 'money:usd', '$': 'money:usd', 'dollar': 'money:usd', 'dollars': 'money:usd',
  'gbp': 'money:gbp', '£': 'money:gbp', 'pound': 'money:gbp', 'chf': 'money:chf', 'jpy': 'money:jpy', 'yen': 'money:jpy', '¥': 'money:jpy',
  'mm': 'length:mm', 'millimetres': 'length:mm', 'millimeters': 'length:mm', 'cm': 'length:cm', 'centimetres': 'length:cm', 'centimeters': 'length:cm', 'm': 'length:m', 'metre': 'length:m', 'metres': 'length:m', 'meter': 'length:m', 'meters': 'length:m',
  'km': 'length:km', 'kilometres': 'length:km', 'kilometers': 'length:km', 'inch': 'length:in', 'inches': 'length:in', 'ft': 'length:ft', 'feet': 'length:ft', 'foot': 'length:ft', 'mile': 'length:mi', 'miles': 'length:mi',
  'µg': 'mass:µg', 'mcg': 'mass:µg', 'mg': 'mass:mg', 'milligrams': 'mass:mg', 'g': 'mass:g', 'gram': 'mass:g', 'grams': 'mass:g', 'kg': 'mass:kg', 'kilos': 'mass:kg', 'kilograms': 'mass:kg', 'lb': 'mass:lb', 'lbs': 'mass:lb', 'pounds': 'mass:lb', 'oz': 'mass:oz', 'tonnes': 'mass:t', 'tons': 'mass:t',
  'ml': 'volume:ml', 'cl': 'volume:cl', 'l': 'volume:l', 'litre': 'volume:l', 'litres': 'volume:l', 'liter': 'volume:l', 'liters': 'volume:l', 'gal': 'volume:gal', 'gallons': 'volume:gal',
  'ms': 'time:ms', 'milliseconds': 'time:ms', 's': 'time:s', 'sec': 'time:s', 'seconds': 'time:s', 'min': 'time:min', 'minutes': 'time:min', 'h': 'time:h', 'hours': 'time:h', 'days': 'time:d',
  'celsius': 'heat:c', '°c': 'heat:c', 'fahrenheit': 'heat:f', '°f': 'heat:f', 'kelvin': 'heat:k',
  'kb': 'data:kb', 'mb': 'data:mb', 'gb': 'data:gb', 'tb': 'data:tb', 'wh': 'energy:wh', 'kwh': 'energy:kwh', 'mwh': 'energy:mwh', 'w': 'power:w', 'kw': 'power:kw', 'mw': 'power:mw', 'bar': 'pressure:bar', 'psi': 'pressure:psi', 'kpa': 'pressure:kpa', 'mbar': 'pressure:mbar'
}[lower(word)];

-- The numbers of a text that stand with a unit, each as a struct (number, unit): `412 EUR`, `€412`, `"margin_cents": 412`, and in an object with a key `unit` all its numbers.
CREATE MACRO _measures_in(said) AS
list_filter(list_distinct(list_transform(
  list_concat(
    list_transform(regexp_extract_all(said, '\b\d[\d,]*(?:\.\d+)?[ -]?(?:[µ°]?\pL+|[€$£¥])'), lambda found: [regexp_extract(found, '^[\d,.]*\d'), regexp_extract(found, '[^\d,. -]+$')]),
    list_transform(regexp_extract_all(said, '(?:\b[A-Z]{3} ?|[€$£¥] ?)\d[\d,]*(?:\.\d+)?'), lambda found: [regexp_extract(found, '\d[\d,.]*$'), regexp_extract(found, '^(?:[A-Z]{3}|[€$£¥])')]),
    flatten(list_transform(regexp_extract_all(said, '"\w+" ?: ?"?\d[\d,]*(?:\.\d+)?'), lambda found: list_transform(string_split(regexp_extract(found, '"(\w+)"', 1), '_'), lambda word: [regexp_extract(found, '\d[\d,.]*$'), CASE WHEN word <> 'min' THEN word END]))),
    CASE WHEN len(regexp_extract_all(said, '(?i)"(?:units?|currency|uom)" ?: ?"')) = 1
      THEN list_transform(regexp_extract_all(said, '": ?(\d[\d,]*(?:\.\d+)?)', 1), lambda number: [number, regexp_extract(said, '(?i)"(?:units?|currency|uom)" ?: ?"([µ°]?\pL+)', 1)]) ELSE [] END),
  lambda pair: struct_pack(number := TRY_CAST(replace(pair[1], ',', '') AS DOUBLE), unit := _unit_of(pair[2])))),
  lambda measure: measure.unit IS NOT NULL AND measure.number > 0);

-- What was answered by calls that began no other step, and what agents said: to a tool or another agent, in the answer of their run, or in the words of a model. Answers of more than
-- 2,000 bytes and words of more than 4,000 are left out.
CREATE VIEW _answers_and_words (
  -- Place of the step in tree order.
  preorder,
  -- Its trace.
  trace_id,
  -- Its agent.
  agent_name,
  -- When in its trace, in tree order: what a run answers comes after its steps.
  place,
  -- Whether a tool answered it.
  is_answer,
  -- The text.
  said
) AS
SELECT preorder, trace_id, agent_name, preorder + 0.3 AS place, true AS is_answer, tool_call_result AS said
FROM spans
WHERE operation_name = 'execute_tool' AND status_code <> 'ERROR' AND subtree_end = preorder + 1 AND strlen(tool_call_result) BETWEEN 2 AND 2000
UNION ALL
SELECT preorder, trace_id, agent_name, preorder, false, tool_call_arguments
FROM spans
WHERE operation_name = 'execute_tool' AND strlen(tool_call_arguments) BETWEEN 4 AND 4000
UNION ALL
SELECT preorder, trace_id, agent_name, subtree_end - 0.5, false, tool_call_result
FROM spans
WHERE operation_name = 'execute_tool' AND subtree_end > preorder + 1 AND strlen(tool_call_result) BETWEEN 2 AND 4000
UNION ALL
SELECT preorder, trace_id, agent_name, preorder + 0.2, false, _part_text(parts->part_index)
FROM (FROM flow_texts WHERE side = 'said' AND type IN ('text', 'json') AND bytes <= 4000 AND preorder IS NOT NULL) AS texts
JOIN messages USING (message_hash);

-- Measures that an agent told in another unit than they had been answered in, the number being the same; before it nobody had told them so.
CREATE VIEW _units_changed (
  -- Place of the step that told it otherwise in tree order.
  preorder,
  -- Its trace.
  trace_id,
  -- Its agent.
  agent_name,
  -- The number and unit it told.
  told,
  -- The number and unit it had been answered.
  answered
) AS
WITH measured AS MATERIALIZED (
  SELECT *, split_part(unit, ':', 1) AS kind, length(trim(replace(format('{:.6f}', number), '.', ''), '0')) AS figures
  FROM (SELECT * EXCLUDE (measure), measure.number AS number, measure.unit AS unit FROM (SELECT *, unnest(_measures_in(said)) AS measure FROM _answers_and_words WHERE regexp_matches(said, '\d')))
),
changed AS (
  SELECT later.preorder, later.trace_id, later.agent_name, later.place, number, kind, later.unit AS told, earlier.unit AS answered, earlier.place AS answered_at
  FROM (FROM measured WHERE is_answer) AS earlier
  JOIN (FROM measured WHERE NOT is_answer) AS later USING (trace_id, kind, number)
  WHERE later.place > earlier.place AND later.unit <> earlier.unit AND (later.figures >= 3 OR kind <> 'time')
    -- What the same agent says in its next step or asks for there, it says of what it was just answered.
    AND ((later.preorder <= earlier.preorder + 2 AND later.agent_name = earlier.agent_name) OR len(list_intersect(_matter_stems(regexp_replace(earlier.said, '\d[\d.,]*', ' ', 'g')), _matter_stems(regexp_replace(later.said, '\d[\d.,]*', ' ', 'g')))) >= CASE WHEN later.figures >= 3 THEN 1 ELSE 2 END)
)
SELECT preorder, trace_id, any_value(agent_name), format('{:g} {}', any_value(number), split_part(arg_min(told, told), ':', 2)), format('{:g} {}', any_value(number), split_part(arg_min(answered, told), ':', 2))
FROM changed
WHERE NOT EXISTS (FROM measured AS other WHERE other.trace_id = changed.trace_id AND other.number = changed.number
  AND ((other.unit = told AND other.place < changed.place) OR (other.unit = answered AND other.place = changed.place) OR (other.unit = answered AND other.is_answer AND other.place > answered_at)))
GROUP BY ALL;

-- The numbers of a text that stand for themselves.
CREATE MACRO _plain_numbers(said) AS regexp_extract_all(said, '(?:^|[^\w.,/:-])(\d[\d,]*(?:\.\d+)?)(?:[^\w/:-]|$)', 1);

-- The names and numbers of a piece of text, each name with each number: a name is a word with a capital letter, or with letters and digits.
CREATE MACRO _names_with_numbers(piece) AS
flatten(list_transform(list_distinct(regexp_extract_all(piece, '[\w-]*(?:[A-Z][\w-]*|\d[\w-]*[A-Za-z])[\w-]*')),
  lambda name: list_transform(_plain_numbers(piece), lambda value: struct_pack(name := name, value := replace(value, ',', '')))));

-- The values of a text by what they belong to, each as a struct (name, value): what stands in one object, or in one part of a sentence that has one number, belongs together.
CREATE MACRO _named_values_in(said) AS
list_distinct(flatten(list_concat(
  CASE WHEN regexp_matches(said, '^\s*[\[{]') THEN list_transform(regexp_extract_all(regexp_replace(said, '"[^"]{16,}"', '""', 'g'), '[{][^{}]*[}]'), lambda object: _names_with_numbers(_plain_text(object))) ELSE [] END,
  list_transform(list_filter(
    string_split_regex(CASE WHEN regexp_matches(said, '^\s*[\[{]') THEN array_to_string(regexp_extract_all(said, '"([^"]{16,})"', 1), chr(10)) ELSE said END, '[,;]\s|\.\s|\n| (?:and|und|et|y|e|while) '),
    lambda piece: len(_plain_numbers(piece)) = 1), lambda piece: _names_with_numbers(piece)))));

-- Two values that an agent told with their names changed over: each was answered under the other's name, and never so as they were told.
CREATE VIEW _values_swapped (
  -- Place of the step that told them so in tree order.
  preorder,
  -- Its trace.
  trace_id,
  -- Its agent.
  agent_name,
  -- One name and value as told.
  told,
  -- The other.
  also_told
) AS
WITH texts AS MATERIALIZED (
  SELECT preorder, trace_id, agent_name, place, is_answer, said
  FROM _answers_and_words
  WHERE strlen(said) < 1000 AND regexp_matches(said, '\d\d') AND (is_answer OR regexp_matches(said, '(?s)\d\d.*[^\d]\d\d'))
),
named AS MATERIALIZED (
  SELECT preorder, trace_id, agent_name, place, is_answer, pair.name AS name, pair.value AS value
  FROM (SELECT *, unnest(_named_values_in(said)) AS pair FROM texts)
  WHERE length(pair.value) >= 2
),
answered AS (SELECT trace_id, name, value, min(place) AS place FROM named WHERE is_answer GROUP BY ALL),
told AS (SELECT preorder, trace_id, any_value(agent_name) AS agent_name, place, name, value FROM named WHERE NOT is_answer GROUP BY ALL),
-- What is told under one name and was answered under another only.
strange AS (
  SELECT told.*, there.name AS true_name, there.place AS answered_at
  FROM told
  JOIN answered AS there ON there.trace_id = told.trace_id AND there.value = told.value AND there.name <> told.name AND there.place < told.place
  WHERE NOT EXISTS (FROM answered AS same WHERE same.trace_id = told.trace_id AND same.name = told.name AND same.value = told.value)
    AND NOT EXISTS (FROM told AS right_one WHERE right_one.preorder = told.preorder AND right_one.place = told.place AND right_one.name = there.name AND right_one.value = told.value)
)
SELECT DISTINCT ON (a.preorder) a.preorder, a.trace_id, a.agent_name, format('{} for {}', a.value, a.name), format('{} for {}', b.value, b.name)
FROM strange AS a
JOIN strange AS b ON b.preorder = a.preorder AND b.place = a.place AND b.name = a.true_name AND b.true_name = a.name AND a.name < b.name AND a.value <> b.value
QUALIFY a.place = min(a.place) OVER (PARTITION BY a.trace_id, a.name, b.name)
ORDER BY a.preorder, a.name, b.name;

-- Whether an answer brings nothing: an empty list, no rows, a count of 0, or words that say so.
CREATE MACRO _is_empty_answer(said) AS
strlen(said) < 300 AND (regexp_matches(said, '(?i)^\s*(\[\s*\]|\{\s*\}|null|none|""|\(?no (data|results?|rows|records?|matches|match|entries|hits)\b.{0,80})\s*$|"(rows|results?|items|data|hits|records|matches|entries|values)" ?: ?(\[\s*\]|null)|"(count|total|total_count|hits|matches|results|rows)" ?: ?0\b|\b(no|nothing|none) (data|results?|rows|records?|matches|match|entries|hits|matching|found)\b'));

-- Answers that brought nothing, after which the agent told a figure on their matter that stands nowhere before, while nothing else had been answered on it.
CREATE VIEW _made_up (
  -- Place of the call in tree order.
  preorder,
  -- Its trace.
  trace_id,
  -- Its agent.
  agent_name,
  -- Its tool.
  tool_name,
  -- The figure.
  told
) AS
WITH empty AS MATERIALIZED (
  SELECT preorder, trace_id, agent_name, tool_name, _matter_stems(array_to_string(_given_words(tool_call_arguments), ' ')) AS stems
  FROM spans
  WHERE operation_name = 'execute_tool' AND status_code <> 'ERROR' AND subtree_end = preorder + 1 AND _is_empty_answer(tool_call_result) AND _resource_access(tool_name) IS DISTINCT FROM 'write'
),
texts AS MATERIALIZED (FROM _answers_and_words SEMI JOIN empty USING (trace_id)),
on_it AS (
  SELECT empty.*, texts.preorder AS told_at, place, is_answer, said, len(list_intersect(stems, _matter_stems(said))) >= least(2, len(stems)) AS is_same
  FROM empty
  JOIN texts USING (trace_id)
  WHERE place > empty.preorder + 1 AND len(stems) > 0 AND len(list_intersect(stems, _matter_stems(said))) > 0
),
told AS (
  SELECT preorder, trace_id, any_value(agent_name) AS agent_name, any_value(tool_name) AS tool_name, min(place) AS place, arg_min(said, place) AS said
  FROM on_it
  WHERE NOT is_answer AND is_same AND (told_at = preorder OR NOT EXISTS (FROM spans WHERE spans.preorder = told_at AND spans.operation_name = 'execute_tool' AND spans.subtree_end = told_at + 1 AND spans.tool_name = on_it.tool_name))
  GROUP BY preorder, trace_id
),
figures AS (
  SELECT *, unnest(list_distinct(_plain_numbers(said))) AS figure
  FROM told
  WHERE NOT regexp_matches(said, '(?i)\bno (data|results?|rows|records?|figures?|match|entries|hits)\b|\b(not|n.t) (available|found|known|have|find|contain|exist)|unknown|estimat|assum|guess|approx|could not|unavailable|missing|\bn/a\b|nothing|placeholder')
)
SELECT preorder, trace_id, agent_name, tool_name, min(figure)
FROM figures
WHERE length(figure) >= 2
  AND NOT EXISTS (FROM texts WHERE texts.trace_id = figures.trace_id AND texts.place < figures.place AND contains(texts.said, figure))
  AND NOT EXISTS (FROM flow_texts JOIN messages USING (message_hash) WHERE flow_texts.trace_id = figures.trace_id AND side = 'heard' AND flow_texts.preorder < figures.place AND contains(_part_text(parts->part_index), figure))
  AND NOT EXISTS (FROM on_it WHERE on_it.preorder = figures.preorder AND on_it.is_answer AND on_it.place < figures.place AND NOT _is_empty_answer(on_it.said))
GROUP BY ALL;
