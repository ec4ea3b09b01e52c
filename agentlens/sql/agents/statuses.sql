-- What the status words of reports mean.

-- Whether a status word reports trouble: BLOCKED, FAILED, ERROR, PARTIAL, TIMEOUT, STALLED and the like.
CREATE MACRO is_trouble(status) AS
coalesce(regexp_matches(status, '^(BLOCKED|FAIL|ERROR|PARTIAL|TIME_?D?_?OUT|STALLED|STUCK|CRASH|ABORT|CANCELL?ED|DEAD|LOST|DEGRADED|INCOMPLETE)'), false);

-- Whether a status word says that the work is done: COMPLETE, COMPLETED, DONE, SHIPPED, SUCCESS, FINISHED, RESOLVED.
CREATE MACRO is_done(status) AS
coalesce(regexp_matches(status, '^(COMPLETED?|DONE|SHIPPED|SUCCESS|SUCCEEDED|FINISHED|RESOLVED|OK)$'), false);

-- Whether a status word says that its agent is off or at rest, and need not be heard of: IDLE, OFFLINE, OFF_SHIFT, STANDBY, STOPPED, SIGNED_OFF and the like.
CREATE MACRO is_resting(status) AS
coalesce(regexp_matches(status, '^(IDLE|OFF(LINE|[ _-]?(SHIFT|DUTY|WORK))?|STOPPED|STANDBY|PAUSED|WAITING|SLEEPING|SIGN(ED|ING)[ _-]?OFF|HAND(ED|ING)[ _-]?OVER|SHUT(TING)?[ _-]?DOWN|EXIT(ED|ING)?|LEAVING|LEFT)$'), false);

-- Whether a status word says that the report hands work to whom it goes to: DISPATCH, ASSIGNED, DELEGATED.
CREATE MACRO is_dispatch(status) AS
coalesce(regexp_matches(status, '^(DISPATCH(ED)?|ASSIGN(ED|MENT)?|DELEGAT(ED?|ION))$'), false);

-- The blockers of a report without those that say, in one of many languages, that there is none, or that it is gone.
CREATE MACRO open_blockers(blockers) AS
list_filter(coalesce(blockers, []), lambda blocker: NOT regexp_matches(trim(blocker),
  '(?i)^\W*(none|no|nil|null|false|0|n\W?a|nothing|not applicable|(all )?clear|ok'
  || '|keine?[rs]?|nichts|entfällt|aucune?|rien|néant|ningun[oa]|ningún|nada|sin bloqueos?|nessun[oa]?|niente|nenhum(a|ns)?|geen|niets|ingen|inga|inget|ei ole|brak|żadn\w+|nic|žádn\w+|nincs|yok|niciun\w*|нет|немає|δεν υπάρχουν|καν[εέ]να|なし|特になし|无|無|没有|없음|لا يوجد)?\W*$'
  || '|^(none|resolved|solved|cleared|unblocked|previously|formerly|0)\b|\((resolved|solved|cleared|fixed|received|done)\b|^no (open |known |current |further |other )*(blockers?|issues?|impediments?|problems?|obstacles?)\b'));
