-- What the lines of a shell do.

-- The commands of a shell line that do something, each a list of words: the program, its verb (`git push`) or '', then what it was given, files by name
-- alone. What goes on with an interrupted one (`--continue`) has the word `+continue`; other flags, redirections, wrappers (`sudo`, `uv run`) and what only moves, prints or filters is left out; and messages too; another quoted text with blanks is `?`.
CREATE MACRO _shell_acts(command) AS
list_filter(
  list_transform(
    string_split_regex(
      regexp_replace(regexp_replace(regexp_replace(regexp_replace(left(command, 4000), '\s--(continue|resume)\b', ' +continue', 'g'), '\s(-a?m|--message|--title|--body|--notes?)[ =]*("[^"]*"|''[^'']*'')', ' ', 'g'), '"([^"\s&|;]*)"|''([^''\s&|;]*)''', '\1\2', 'g'), '"[^"]*"|''[^'']*''', '?', 'g'),
      '&&|\|\||[;|\n()]+'),
    lambda part: list_transform([list_filter(
      list_transform(
        string_split_regex(trim(regexp_replace(regexp_replace(part, '\d?>{1,2}\s*\S+|<\s*\S+', ' ', 'g'),
          '^\s*((\w+=\S*|do|then|else|sudo|time|env|exec|npx|nohup|(uv|poetry|pipenv|hatch|bun|pnpm) run|bundle exec|python3? -m|timeout( -\S+)* \S+)\s+)+', '')), '\s+'),
        lambda word: lower(regexp_extract(word, '([^/]*)/?$', 1))),
      lambda word: word <> '' AND NOT starts_with(word, '-'))],
      lambda words: CASE WHEN regexp_matches(words[2], '^[a-z][a-z:-]*$') THEN words ELSE list_concat([words[1], ''], words[2:]) END)[1]),
  lambda act: regexp_matches(act[1], '^\w') AND NOT regexp_matches(act[1], '^(cd|pushd|popd|echo|printf|export|set|source|sleep|true|false|pwd|ls|cat|head|tail|wc|sort|uniq|tee|grep|rg|sed|awk|cut|tr|xargs|which|find|test|do|done|if|then|else|fi|for|while|eof)$')
);

-- Whether a shell line does again, in whatever form, what another was to do: each of its acts, on most of what it was given there. What stands
-- in a quoted text is not compared: lines with one do nothing again.
CREATE MACRO _does_again(acts, later_acts) AS
len(acts) > 0 AND len(later_acts) > 0 AND len(list_filter(acts, lambda act: len(list_filter(later_acts, lambda later:
  later[:2] = act[:2] AND NOT list_contains(act, '?') AND (len(act) = 2 OR list_contains(later, '+continue') OR 2 * len(list_intersect(act[3:], later[3:])) > len(list_distinct(act[3:]))))) = 0)) = 0;
