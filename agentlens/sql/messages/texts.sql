-- What messages say, as plain text.

-- The text of a message: contents, names and arguments of its calls and responses, one part below the other, as logged.
CREATE MACRO _message_text(parts) AS
coalesce(
  -- Most messages have one part, and its content can be taken without making a list of it.
  CASE WHEN json_array_length(parts) = 1 THEN json_extract_string(parts, '$[0].content') END,
  CASE WHEN json_type(parts) = 'ARRAY' THEN array_to_string(
    list_transform(parts::JSON[], lambda part: coalesce(
      part->>'$.content', part->>'$.response', nullif(concat_ws(' ', part->>'$.name', part->>'$.arguments'), ''), part::VARCHAR
    )), chr(10))
  ELSE parts::VARCHAR END
);

-- The distinct words of the first 20,000 characters of a text, in lower case.
CREATE MACRO _distinct_words(said) AS list_distinct(regexp_extract_all(lower(left(said, 20000)), '[\pL\pN]+'));

-- The words of three letters and more in a text, each once; no part of an identifier is one.
CREATE MACRO _words_in_text(said) AS list_distinct(regexp_extract_all(lower(said), '\b\pL{3,}\b'));

-- The beginnings of the words that tell what a text is about.
CREATE MACRO _matter_stems(said) AS
list_distinct(list_transform(list_filter(_distinct_words(left(said, 4000)), lambda word: length(word) >= 4 OR regexp_matches(word, '\d')), lambda word: left(word, 5)));

-- How much two lists of distinct words have in common: 0 nothing, 1 all.
CREATE MACRO _word_overlap(a, b) AS
coalesce(len(list_intersect(a, b)) / nullif(len(a) + len(b) - len(list_intersect(a, b)), 0), 0);

-- Whether a text says of itself that it stands for an earlier conversation.
CREATE MACRO _says_summary(said) AS
regexp_matches(left(said, 400),
  '(?im)\A\W*(this session is being continued from|another language model started|(here is |this is )?(an? |the )?((running|previous|earlier|rolling) )?(conversation |context |history )*summary\b( of| so far|:|\W*$|>)|the (previous |earlier )?(conversation|history|context)( history)?( before this point| so far)? (was|has been) (compacted|summari[sz]ed|condensed)|\[?compacted\b)');

-- Values worth missing: amounts, numbers of three digits and more, percentages, dates, names of several words, paths and identifiers; not the
-- keys of JSON objects.
CREATE MACRO _values_of(said) AS
regexp_extract_all(regexp_replace(said, '"\w+" ?:', ' ', 'g'),
  '(?:EUR|USD|GBP|CHF|[$€£])\s?\d[\d.,]*\d|(?:EUR|USD|GBP|CHF|[$€£])\s?\d|\d{1,2} (?:January|February|March|April|May|June|July|August|September|October|November|December)(?: \d{4})?|(?:[\w.~-]*/)+[\w-][\w.-]*\w|\b[A-Za-z][A-Za-z0-9]*(?:[_-][A-Za-z0-9]+)*[_-]?\d[\w.-]*\w|\b[a-z][a-z0-9]*(?:_[a-z0-9]+)+\b|\b[A-Z][\w]+(?: [A-Z][\w]+)+(?: \d[\d.,]*\d)?|\b\d[\d.,:]*\d ?%|\b\d ?%|\b\d[\d.,:-]+\d\b');

-- Whether a text only nudges whoever stands still, as programs do by themselves: `Please continue.` asks nothing anew.
CREATE MACRO _is_nudge(text) AS
regexp_matches(text, '(?i)^\W*((please|ok(ay)?|yes|then|bitte|ja)\W+)*(continue|go on|proceed|keep (going|working)|carry on|go ahead|weiter|mach weiter|fahre? fort|continuez?|poursui\w+|contin[uú]a\w*|sigue|prosegui|prossiga)\b');
