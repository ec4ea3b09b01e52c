-- What checks say: tests, linters, validations.

-- Whether a tool call runs a check: by its name, or for a shell by its command.
CREATE MACRO _is_check(tool, arguments) AS
coalesce(regexp_matches(tool, '(^|_)(tests?|checks?|verify|verification|validate|validation|lint|typecheck|qa|ci|audit)(_|$)|^run_?tests?$|Tests?$|pr(ü|ue)f|kontroll|verif|vérif|comprob|controll?o|contr(ô|o)le', 'i'), false)
OR coalesce(regexp_matches(left(arguments, 1000), '\b(pytest|unittest|tox|nox|jest|vitest|mocha|rspec|phpunit|ctest|eslint|mypy|ruff|flake8|tsc|(npm|yarn|pnpm|bun)( run)? test|(cargo|go|mvn|gradle|make|dotnet|swift) (test|check|verify))\b', 'i')
  AND regexp_matches(tool, 'bash|shell|exec|command|terminal|run|process', 'i'), false);

-- A result with line breaks where they were written out, as in JSON within JSON.
CREATE MACRO _in_lines(result) AS replace(result, '\n', chr(10));

-- Whether the result of a check counts what failed.
CREATE MACRO _counts_failures(result) AS
regexp_matches(_in_lines(result), '\b[1-9]\d* (tests? |checks? |specs? |assertions? |of \d+ (tests |checks )?)?(failed|failing|failures?)\b|\b(failed|failures)[:=]\s*[1-9]|\b(passed|passing),? [1-9]\d* errors?\b', 'i');

-- Whether the result of a check says that all went well: it counts what passed or that nothing failed, or begins with that word.
CREATE MACRO _says_check_passed(result) AS
regexp_matches(_in_lines(result), '\b[1-9]\d* (tests? |checks? |specs? |assertions? )?(passed|passing|successful)\b|\b(0|no) (tests? |checks? |specs? |assertions? )?(failed|failing|failures?)\b|\b(failed|failures)[:=]\s*0\b|\bpassed[:=]\s*[1-9]|\ball (\d+ )?(tests?|checks?|specs?) (have )?pass(ed)?\b|(?m-i:^\W{0,3}(PASS(ED)?|OK)\b)', 'i')
AND NOT _counts_failures(result);

-- Whether the result of a check says that something failed: a count of failures, a verdict, not merely that the check could not run. What a test
-- runner prints over several lines may speak of failures in the names of tests that passed.
CREATE MACRO _says_check_failed(result) AS
(_counts_failures(result) OR NOT (contains(_in_lines(result), chr(10)) AND _says_check_passed(result)) AND
regexp_matches(result, '"(passed|ok|success|valid|is_valid)"\s*:\s*false|\b(verdict|result|outcome|status|conclusion)"?\s*[:=]\s*"?(fail|failed|failure|red|rejected)\b|\b(check|tests?|validation|verification) failed\b|\bAssertionError\b|\bFAILED\b [\w/.]+::|(?-i:^\W{0,3}FAIL(ED|URE)?\b)|^\W{0,3}(failures? in|violation|versto(ß|ss)|fehler|fehlgeschlagen|nicht bestanden|échec|échoué|erreur|fallo|fallid[oa]|incumplimiento|errore|fallit[oa]|violazione|falha|reprovad[oa])([^\pL]|$)|\b[1-9]\d* of \d+ \w+ (rejected|failed|invalid|broken)\b|\b(does|do|did) not match\b|\bdiffers? from\b|\b(above|over|exceed(s|ed)?|outside|beyond) the (limit|threshold|tolerance|budget)\b', 'i'))
AND NOT regexp_matches(left(result, 500), 'command not found|no such file or directory|not installed|no module named', 'i');

-- Whether a failed tool call is a check that did its work and said no: that is an answer, which the next step can use, and no failure of the tool.
CREATE MACRO _is_red_check(tool, arguments, said, error_type) AS
_is_check(tool, arguments) AND NOT coalesce(regexp_matches(left(said, 500), 'command not found|no such file or directory|not installed|no module named|cannot find module|permission denied|connection refused|timed? ?out', 'i'), false)
AND (coalesce(regexp_matches(tool, 'bash|shell|exec|command|terminal|run|process', 'i'), false) OR coalesce(_says_check_failed(left(said, 20000)), false)
  OR coalesce(regexp_matches(error_type, '(check|tests?|assert(ion)?|verification)_?(fail\w*|error)', 'i'), false));
