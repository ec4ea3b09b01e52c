-- Values and runs of words: what texts can be recognised by.

-- A text as its reader takes it: where it is JSON, without the keys of objects and without escapes.
CREATE MACRO _plain_text(said) AS
CASE WHEN regexp_matches(said, '^\s*[\[{"]')
  THEN regexp_replace(regexp_replace(said, '\\*"\w+\\*"\s*:', ' ', 'g'), '\\+(?:[nrtbf"]|u0[0-9a-f]{3})', ' ', 'g')
ELSE said END;

-- Whether a text is but a mark for something that was taken out: `[REDACTED_INPUT len=1611 sha=87a130ee]`.
CREATE MACRO _is_placeholder(said) AS
regexp_full_match(said, '(?i)\s*[\[<({]{1,2}\s*(?:redacted|omitted|truncated|removed|elided|hidden|scrubbed|masked)\b?[^\]>)}]*[\]>)}]{1,2}\s*');

-- The words of a text; a path, an address or an identifier is one word.
CREATE MACRO _words_in(said) AS regexp_extract_all(said, '[\pL\pN]+(?:[./_@:-]+[\pL\pN]+)*');

-- The values found in a text, those taken apart that are cells of a table written without blanks: `lot-7731,40` is two, `12,500` is one.
CREATE MACRO _without_joined_cells(found) AS
flatten(list_transform(found, lambda value: CASE
  WHEN contains(value, ',') AND NOT contains(value, '://') AND NOT regexp_matches(value, '^[^,\pL]*(?:EUR|USD|GBP|CHF)?[\d.$€£¥~+-]*,\d{3}') AND regexp_matches(value, '^[^,]*(?:[^\d,.$€£¥~+-]|\d-\d)[^,]*,')
    THEN string_split(value, ',') ELSE [value] END));

-- The values of a text as written: addresses, numbers with their words of size, and tokens that hold a digit, a slash, an at sign or an underscore.
CREATE MACRO _tokens_in(said) AS
list_distinct(list_filter(list_transform(
  _without_joined_cells(regexp_extract_all(said,
    'https?://[^\s"''<>()\[\]{}|\\^`]+|[$€£¥]?\d(?:[\d_.]|,\d)*\s(?:thousand|million|billion|trillion|percent)\b|[\pL\pN_./@#~+$€£¥-]*\d(?:[\pL\pN_./@#~+%-]|[,:]\d)*|[\pL_~./-]*[\pL~.][/_@][\pL\pN_./@-]*\pL')),
  lambda found: regexp_replace(regexp_replace(found, '^[$€£¥#+]+|^[-~]+([\d$€£¥])|^\.+(\w)|^(?:\./)+|[.,:;/+~#-]+$', '\1\2', 'g'), '^[$€£¥]', '')),
  lambda token: length(token) >= 2));

-- The number at the head of `4,812-seat`, `12/month`, `EUR12`; NULL for other tokens.
CREATE MACRO _number_within(token) AS
nullif(regexp_extract(token, '^(?:(?:EUR|USD|GBP|CHF)(\d[\d,.]*\d|\d)|(\d[\d,.]*\d|\d)(?:EUR|USD|GBP|CHF|[-/]\pL[\pL/-]*))$', 1)
  || regexp_extract(token, '^(?:(?:EUR|USD|GBP|CHF)(\d[\d,.]*\d|\d)|(\d[\d,.]*\d|\d)(?:EUR|USD|GBP|CHF|[-/]\pL[\pL/-]*))$', 2), '');

-- The number that a token stands for: thousands separators and words or letters of size understood, percent as a share; NULL for what is no number.
CREATE MACRO _number_of(token) AS
CASE WHEN regexp_full_match(token, '[-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?\s?(?:k|K|m|M|mn|bn|B|b|thousand|million|billion|trillion|percent|%)?') THEN
  TRY_CAST(regexp_extract(replace(token, ',', ''), '^-?[\d.]+') AS DOUBLE) * CASE regexp_extract(token, '[a-zA-Z%]+$')
    WHEN 'k' THEN 1e3 WHEN 'K' THEN 1e3 WHEN 'thousand' THEN 1e3 WHEN 'm' THEN 1e6 WHEN 'M' THEN 1e6 WHEN 'mn' THEN 1e6 WHEN 'million' THEN 1e6
    WHEN 'bn' THEN 1e9 WHEN 'B' THEN 1e9 WHEN 'b' THEN 1e9 WHEN 'billion' THEN 1e9 WHEN 'trillion' THEN 1e12 WHEN '%' THEN 0.01 WHEN 'percent' THEN 0.01 ELSE 1 END
END;

-- How many digits of a number as written carry meaning: 3 of `12.5k`, 3 of `12,500`, 5 of `12,500.00`.
CREATE MACRO _digits_of(token) AS
greatest(1, length(CASE WHEN contains(regexp_extract(token, '^[-\d.,]+'), '.')
  THEN ltrim(regexp_replace(regexp_extract(token, '^[-\d.,]+'), '[^\d]', '', 'g'), '0')
  ELSE rtrim(ltrim(regexp_replace(regexp_extract(token, '^[-\d.,]+'), '[^\d]', '', 'g'), '0'), '0') END));

-- A number rounded to some digits that carry meaning.
CREATE MACRO _rounded(number, digits) AS
CASE WHEN number = 0 THEN 0 ELSE round(number / pow(10, floor(log10(abs(number))) + 1 - digits)) * pow(10, floor(log10(abs(number))) + 1 - digits) END;

-- Whether one token can be the other rounded: fewer digits (at least 2), written shorter or with a word of size, and what rounding gives.
CREATE MACRO _is_rounding_of(short, short_number, long, long_number) AS
_digits_of(short) BETWEEN 2 AND _digits_of(long) - 1 AND (length(short) < length(long) OR regexp_matches(short, '[a-zA-Z]$'))
AND abs(_rounded(long_number, _digits_of(short)) - short_number) <= 1e-9 * abs(short_number);

-- Whether two different tokens can be one number written otherwise: equal, or one of them is the other rounded.
CREATE MACRO _is_similar_number(a, a_number, b, b_number) AS
a <> b AND (
  abs(a_number - b_number) <= 1e-9 * abs(a_number) OR _is_rounding_of(a, a_number, b, b_number) OR _is_rounding_of(b, b_number, a, a_number));

-- Whether a value is telling enough to show that one text depends on another: long identifiers, paths, and numbers of at least five digits, or of four that
-- are written with a separator, a sign or a word; no years and clocks. A name without digits is one only where it is put together of at least three
-- words (`net_of_returns`), for shorter ones are vocabulary that anybody may come upon (`handle_info`, `../config.js`).
CREATE MACRO _is_telling(token) AS
CASE
  WHEN regexp_full_match(token, '(?:19|20)\d\d(?:[-/.]\d\d?(?:[-/.]\d\d?)?)?(?:T.*)?|\d\d?[:.]\d\d(?:[:.]\d\d)?(?:[.,]\d+)?|v?\d+(?:\.\d+){2,3}') THEN false
  WHEN _number_of(token) IS NOT NULL THEN length(regexp_replace(token, '\D', '', 'g')) >= CASE WHEN regexp_full_match(token, '-?\d+') THEN 5 ELSE 4 END AND _digits_of(token) >= 3
  WHEN _number_within(token) IS NOT NULL THEN length(regexp_replace(token, '\D', '', 'g')) >= 4 AND _digits_of(_number_within(token)) >= 3
  WHEN regexp_matches(token, '\d') THEN length(token) >= 6
  WHEN contains(token, '@') OR contains(token, '://') THEN length(token) >= 8
  WHEN regexp_matches(ltrim(token, '~./'), '/') THEN length(ltrim(token, '~./')) >= 10
  ELSE length(token) >= 14 AND length(regexp_replace(token, '[^_]', '', 'g')) >= 2
END;
