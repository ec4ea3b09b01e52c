-- Which languages a text may be in, as far as rules on words need to know. Small words tell: every sentence has some.

-- The words among which small ones are looked for.
CREATE MACRO _first_words(said) AS regexp_extract_all(lower(left(said, 4000)), '\pL+');

-- Whether a text is mostly written in Latin letters.
CREATE MACRO _is_latin(said) AS
length(regexp_replace(said, '[^\pL]|\p{Latin}', '', 'g')) <= length(regexp_replace(said, '[^\p{Latin}]', '', 'g')) // 2;

-- Whether a text is mostly in a script that puts no blanks between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese).
CREATE MACRO _is_unspaced(said) AS
-- Most texts have no such letter, which is quick to see.
CASE WHEN regexp_matches(left(said, 4000), '[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]')
  THEN 2 * length(regexp_replace(left(said, 4000), '[^\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]', '', 'g')) > length(regexp_replace(left(said, 4000), '[^\pL]', '', 'g'))
  ELSE false END;

-- Small words of English.
CREATE MACRO _small_english() AS [
  'the', 'and', 'of', 'to', 'were', 'with', 'are', 'be', 'by', 'this', 'has', 'have', 'from', 'it', 'its', 'as', 'not', 'now'];

-- Small words of German, French, Spanish, Italian and Portuguese.
CREATE MACRO _small_neighbours() AS [
  'der', 'das', 'und', 'ist', 'sind', 'mit', 'dem', 'ein', 'eine', 'nicht', 'auf', 'im', 'für', 'von', 'zu', 'wurde', 'wurden', 'alle', 'ich',
  'le', 'la', 'les', 'des', 'et', 'est', 'une', 'du', 'dans', 'pour', 'sont', 'avec', 'sur', 'au', 'je', 'nous',
  'el', 'los', 'las', 'con', 'para', 'por', 'son', 'il', 'lo', 'gli', 'di', 'è', 'per', 'sono', 'del', 'della', 'che', 'os', 'um', 'uma', 'com', 'não', 'em', 'são'];

-- Whether a word is a small one, or has a letter, of further languages in Latin letters.
CREATE MACRO _is_of_other_tongues(word) AS
regexp_matches(word, '[ąćčďđęěğıķļłńňņőřśšşťůűżźžåøæșțăāēīūėįųơưạảấầẩẫậắằẳẵặẹẻẽếềểễệịỉọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ]') OR word IN (
  'het', 'een', 'niet', 'geen', 'van', 'ik', 'wij', 'dat', 'zijn', 'wordt', 'werd', 'voor', 'naar', 'ook', 'bij', 'deze', 'heeft', 'maar', 'kon',
  'och', 'inte', 'att', 'som', 'för', 'ett', 'är', 'kunde', 'eller', 'og', 'ikke', 'det', 'til', 'af', 'kunne', 'blev', 'jeg',
  'nie', 'jest', 'oraz', 'dla', 'ale', 'nelze', 'jsou', 'však', 'nije', 'egy', 'hogy', 'ei', 'että', 'oli',
  'bir', 'için', 'ile', 'olarak', 'yok', 'bu', 'pentru', 'sunt', 'tidak', 'yang', 'untuk', 'dengan', 'yra');

-- Whether a text is in a language in which owning up is understood: it has no more of the small words and letters of other languages than of the small
-- words of English, German, French, Spanish, Italian and Portuguese, and is written in Latin letters. What is too short to tell counts as understood.
CREATE MACRO _is_understood(said) AS
_is_latin(said) AND len(list_filter(_first_words(said), lambda word: _is_of_other_tongues(word)))
  <= len(list_filter(_first_words(said), lambda word: list_contains(_small_english(), word) OR list_contains(_small_neighbours(), word)));

-- Whether a text is in English, told in the same way.
CREATE MACRO _is_english(said) AS
_is_latin(said) AND len(list_filter(_first_words(said), lambda word: list_contains(_small_neighbours(), word) OR _is_of_other_tongues(word)))
  <= len(list_filter(_first_words(said), lambda word: list_contains(_small_english(), word)));

-- What a check says where most of some texts (a list) are in other languages than English, in which `what` is not understood; NULL where they are not, or are too few to tell.
CREATE MACRO _mostly_foreign(texts, what) AS
(SELECT CASE WHEN looked_at >= 5 AND 2 * abroad > looked_at
    THEN format('{} are understood in English only: {} of {} texts that were looked at are in other languages', what, abroad, looked_at) END
 FROM (SELECT len(texts) AS looked_at, len(list_filter(texts, lambda said: NOT _is_english(said))) AS abroad));
