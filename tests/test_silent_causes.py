"""Causes that nothing in the log marks: each kind once as it goes wrong and once as it is healthy, in runs that show what their models were given and in runs that do not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from lens_builder import ERROR, OK, Step, agent, call, hex_id, read_steps, said, tool

from agentlens import Lens
from agentlens._detect import detect

Act = tuple[str, dict[str, Any], str] | tuple[str, dict[str, Any], str, dict[str, Any]]


class Case(NamedTuple):
    """A run: what was asked, what was done, which step is asked about, where it began (None: nothing may be said to have done it), and a summary that takes the place of all before a step."""

    task: str
    acts: list[Act]
    harm: str
    cause: str | None
    cut: tuple[int, str] | None = None


def asked(call_id: str, name: str, arguments: dict[str, Any]) -> list[dict[str, Any]]:
    part = {"type": "tool_call", "id": call_id, "name": name, "arguments": arguments}
    return [{"role": "assistant", "parts": [part]}]


def steps_of(trace: str, case: Case, shows_windows: bool) -> list[Step]:
    """The run, with a model call before each act."""
    steps, moment = [agent("main", trace=trace, end=900, status=OK)], 1.0
    window = [{"role": "user", "parts": [{"type": "text", "content": case.task}]}]
    for number, (name, arguments, answer, *more) in enumerate(case.acts):
        if case.cut and case.cut[0] == number:
            window = [{"role": "user", "parts": [{"type": "text", "content": case.cut[1]}]}]
        call_id, outcome = f"{trace}-{number}", more[0] if more else {"status": OK}
        ask = asked(call_id, name.partition("#")[0], arguments)
        shown = {"inputs": window, "outputs": ask} if shows_windows else {}
        steps.append(call(f"c{number}", "main", moment, trace=trace, agent="main", **shown))
        given = {"arguments": arguments, "result": answer or None, "gen_ai__tool__call__id": call_id}
        steps.append(tool(name, "main", moment + 1, trace=trace, agent="main", **given, **outcome))
        window = [
            *window,
            *ask,
            {"role": "tool", "parts": [{"type": "tool_call_response", "id": call_id, "response": answer}]},
        ]
        moment += 3
    steps.append(
        call(
            "end",
            "main",
            moment,
            trace=trace,
            agent="main",
            **({"inputs": window, "outputs": said("All is done.")} if shows_windows else {}),
        )
    )
    return steps  # fmt: skip


ROWS = "\n".join(f"INV-{n:04d};{3 * n}.00;paid" for n in range(1, 101))
CARD = {"customer": "C-881", "amount": "49.90"}
TWICE = '[{"id": "ch_1", "amount": "49.90"}, {"id": "ch_2", "amount": "49.90"}]'
LETTER = "Prepare the price letter. Do not send any email to customers before Dana has approved it."
LIST = "\n".join(f"row {n}, customer {n}, city {7 * n}" for n in range(80))
TOTAL: Act = ("write_file", {"path": "total.md", "content": "Total of all invoices: 15,150.00"}, "written")
DEPLOY: Act = ("deploy", {"target": "prod"}, "deployed v9")
SENT: Act = ("send_email", {"to": "list@customers.example", "subject": "New prices"}, "queued")


def read(answer: str, number: int = 1, **more: Any) -> Act:
    return f"read_file#{number}", {"path": "in/invoices.csv", **more}, answer


def leave(answer: str, number: int = 1) -> Act:
    return f"request_approval#{number}", {"action": "deploy", "target": "prod"}, answer


def charge(number: int, answer: str, **more: Any) -> Act:
    return f"charge_card#{number}", {**CARD, **more}, answer


def statement(answer: str) -> Act:
    return "get_statement", {"customer": "C-881"}, answer


def rent(flat: str, amount: int, number: int = 1) -> Act:
    return f"rent#{flat}{number}", {"flat": flat}, f'{{"flat": "{flat}", "eur": {amount}}}'


CLUSTERS: Act = ("clusters", {}, '["staging-eu", "prod-eu"]')
ALERTS: Act = ("alerts", {}, '{"prod-eu": "cache hit rate 0 percent, latency x9"}')
MAIL_MARGIN: Act = ("post", {"text": "The margin of product 66 is 41250 EUR."}, "posted")
NO_ROWS: Act = ("survey_query", {"year": 2025, "question": "remote"}, '{"rows": [], "note": "no data for 2025"}')
TIMED_OUT: Act = ("charge_card#1", CARD, "", {"status": ERROR, "message": "ReadTimeout: no answer in 30 s"})
CASES = {
    "a mark": Case("sum up", [read(f"{ROWS}\n... [truncated]"), TOTAL], "write_file", "read_file#1"),
    "a count": Case("sum up", [read(f"showing rows 1-100 of 900\n{ROWS}"), TOTAL], "write_file", "read_file#1"),
    "a key": Case("sum up", [read('{"invoices": ["' + ROWS.replace("\n", " ") + '"], "has_more": true}'), TOTAL], "write_file", "read_file#1"),
    "the rest was read": Case("sum up", [read(f"showing rows 1-100 of 200\n{ROWS}"), read(f"showing rows 101-200 of 200\n{ROWS}", 2, offset=100), TOTAL], "write_file", None),
    "of another matter": Case("sum up", [read(f"showing rows 1-100 of 900\n{ROWS}"), ("post", {"text": "lunch at noon"}, "ok")], "post", None),
    "refused": Case("ship it", [leave('{"approved": false, "reason": "freeze"}'), DEPLOY], "deploy", "request_approval#1"),
    "refused in words": Case("ship it", [leave("Denied by ops: change freeze until Monday."), DEPLOY], "deploy", "request_approval#1"),
    "granted in the end": Case("ship it", [leave('{"approved": false}'), leave('{"approved": true}', 2), DEPLOY], "deploy", None),
    "done twice": Case("charge once", [charge(1, '{"charge": "ch_1"}'), charge(2, '{"charge": "ch_2"}'), statement(TWICE)], "get_statement", "charge_card#2"),
    "done twice after no answer": Case("charge once", [TIMED_OUT, charge(2, '{"charge": "ch_2"}'), statement(TWICE)], "get_statement", "charge_card#2"),
    "done once after no answer": Case("charge once", [TIMED_OUT, charge(2, '{"charge": "ch_2"}'), statement('[{"id": "ch_2", "amount": "49.90"}]')], "get_statement", None),
    "done for two": Case("charge both", [charge(1, '{"charge": "ch_1"}'), charge(2, '{"charge": "ch_2"}', customer="C-882"), statement(TWICE)], "get_statement", None),
    "known by its key": Case("charge once", [charge(1, '{"charge": "ch_1"}', idempotency_key="k"), charge(2, '{"charge": "ch_1", "replay": 1}', idempotency_key="k"), statement(TWICE)], "get_statement", None),
    "an id with two figures changed": Case("close the account of reader R-10583", [("get_reader", {"id": "R-10583"}, "Novak"), ("fees", {"reader": "R-10538"}, '{"count": 0}'), ("close_account", {"reader": "R-10583"}, "closed")], "close_account", "fees"),
    "another line of a file": Case("read on", [("read#1", {"path": "a.md", "offset": 1080}, "text"), ("read#2", {"path": "a.md", "offset": 1800}, "more text"), ("read#3", {"path": "a.md", "offset": 1080}, "text")], "read#3", None),
    "another id": Case("close the accounts of readers R-10583 and R-10538", [("fees", {"reader": "R-10538"}, '{"count": 0}'), ("close_account", {"reader": "R-10583"}, "closed")], "close_account", None),
    "a check said no": Case("open the bridge", [("check", {"name": "vibration"}, '{"check": "vibration", "passed": false}'), ("open_bridge", {"bridge": 14}, "open")], "open_bridge", "check"),
    "a check said yes in the end": Case("open it", [("check#1", {"name": "tilt"}, '{"passed": false}'), ("check#2", {"name": "tilt"}, '{"passed": true}'), ("open_bridge", {"bridge": 14}, "open")], "open_bridge", None),
    "missing because removed": Case("clear the cache", [("bash#1", {"command": "rm -rf thumbs originals_raw"}, "done"), ("bash#2", {"command": "python verify.py"}, "", {"status": ERROR, "message": "2211 entries point into originals_raw, which does not exist"})], "bash#2", "bash#1"),
    "told in another unit": Case("raise the daily budget to the margin", [("margin", {"product": 66}, '{"product": 66, "margin": 41250, "unit": "cents"}'), MAIL_MARGIN, ("set_budget", {"product": 66, "eur_per_day": 41250}, "ok"), ("spend", {"product": 66}, "alert: spend is 96 times the usual")], "spend", MAIL_MARGIN[0]),
    "a dose in another unit": Case("give the drug", [("look_up_dose", {"drug": "digoxin"}, "digoxin: single dose 250 mcg"), ("give", {"drug": "digoxin", "dose": "250 mg digoxin"}, "given")], "give", "give"),
    "told at once in another unit": Case("make the solution", [("calc", {"expr": "5 * 200"}, '{"result": 1000, "unit": "mg"}'), ("order", {"text": "I need 1000 grams."}, "ordered"), ("weigh#1", {"g": 1000}, "", {"status": ERROR, "message": "only 400 g in the jar"}), ("weigh#2", {"g": 400}, "weighed"), ("assay", {"lot": "D7"}, '{"result": "out of range"}')], "assay", "order"),
    "asked again for another amount": Case("weigh all there is", [("weigh#1", {"g": 1000}, "", {"status": ERROR, "message": "only 400 g in the jar"}), ("weigh#2", {"g": 400}, "weighed"), ("assay", {"lot": "D7"}, '{"result": "out of range"}')], "assay", None),
    "an answer for want of another": Case("bid", [("parse", {"text": "1,840 approx"}, '{"mwh": 0, "warning": "could not parse, default 0 used"}'), ("bid", {"mwh": 0}, "accepted")], "bid", "parse"),
    "an error beside a value": Case("plan the tour", [("geocode", {"q": "Am Hang 9"}, '{"status": "OVER_QUERY_LIMIT", "error_message": "You have exceeded your quota", "lat": 0}'), ("optimise", {"lat": 0}, '{"km": 5413}')], "optimise", "geocode"),
    "a word of warning": Case("plan the tour", [("geocode", {"q": "Am Hang 9"}, '{"lat": 47.2, "error_message": "none", "warning": "could not be more precise"}'), ("optimise", {"lat": 47.2}, '{"km": 54}')], "optimise", None),
    "told in the unit that was asked for": Case("set the budget", [("margin", {"product": 66}, '{"product": 66, "margin": 41250, "unit": "cents"}'), ("set_budget", {"product": 66, "eur_per_day": 412.5}, "ok"), ("spend", {"product": 66}, "alert")], "spend", None),
    "another amount in another unit": Case("set the budget", [("margin", {"product": 66}, '{"product": 66, "margin": 41250, "unit": "cents"}'), ("convert", {"to": "EUR"}, '{"product": 66, "margin": 41250, "currency": "EUR"}'), ("set_budget", {"product": 66, "eur_per_day": 41250}, "ok")], "set_budget", None),
    "two values changed over": Case("publish the rents of 3A and 7C", [rent("3A", 980), rent("7C", 2150), ("publish", {"text": "3A for 2150 EUR, 7C for 980 EUR."}, "published"), ("replies", {"ad": "3A"}, "far too dear")], "replies", "publish"),
    "two values in another order": Case("publish the rents of 3A and 7C", [rent("3A", 980), rent("7C", 2150), ("publish", {"text": "7C for 2150 EUR, 3A for 980 EUR."}, "published"), ("replies", {"ad": "3A"}, "far too dear")], "replies", None),
    "two values that really changed over": Case("publish the rents of 3A and 7C", [rent("3A", 980), rent("7C", 2150), rent("3A", 2150, 2), rent("7C", 980, 2), ("publish", {"text": "3A for 2150 EUR, 7C for 980 EUR."}, "published")], "publish", None),
    "a figure for nothing": Case("say how many work remotely", [NO_ROWS, ("edit_slide", {"text": "63 % of the remote survey 2025 agree"}, "ok"), ("review", {"slide": 3}, "who said so?")], "review", "survey_query"),
    "nothing, and told so": Case("say how many work remotely", [NO_ROWS, ("edit_slide", {"text": "remote work 2025: no data, 12 answers are missing"}, "ok"), ("review", {"slide": 3}, "a pity")], "review", None),
    "nothing, and then found elsewhere": Case("say how many work remotely", [NO_ROWS, ("archive", {"topic": "remote", "year": 2025}, "remote 2025: 630 of 1000 said yes"), ("edit_slide", {"text": "63 % of the remote survey 2025 agree"}, "ok")], "edit_slide", None),
    "a value that the harm calls wrong": Case("order 40 t of copper", [("get_quote", {"metal": "CU"}, '{"metal": "CU", "price": 961.2}'), ("create_order", {"metal": "CU", "unit_price": 961.2}, '{"order": "PO-7781"}'), ("submit", {"order": "PO-7781"}, "", {"status": ERROR, "message": "rejected: unit price 961.2 is wrong, the contract says 9612.0"})], "submit", "get_quote"),
    "a value that somebody complains of": Case("call Kenji at 10:00", [("create_event", {"title": "call"}, '{"event": "ev1", "local": "19:00"}'), ("rsvp", {"event": "ev1"}, "declined: you wrote 19:00, we had said 10:00")], "rsvp", "create_event"),
    "a value that was asked for": Case("call Kenji at 19:00", [("create_event", {"title": "call"}, '{"event": "ev1", "local": "19:00"}'), ("rsvp", {"event": "ev1"}, "declined: you wrote 19:00, we had said 10:00")], "rsvp", None),
    "the name that was asked for": Case("purge the cache of the prod cluster", [CLUSTERS, ("kube_context", {"use": "prod-eu"}, "switched"), ("exec", {"cmd": "redis-cli FLUSHALL"}, "OK"), ALERTS], "alerts", None),
    "both names": Case("purge the cache of the staging cluster, and look at the others", [CLUSTERS, ("kube_context#1", {"use": "staging-eu"}, "switched"), ("kube_context#2", {"use": "prod-eu"}, "switched"), ALERTS], "alerts", None),
    "another plane": Case("dispatch D-AIQK and D-AIKQ", [("open_defects", {"registration": "D-AIKQ"}, "[]"), ("release", {"registration": "D-AIQK"}, "released"), ("ramp_report", {"registration": "D-AIQK"}, "stopped: brake worn")], "ramp_report", None),
    "the entry that was asked for": Case("send the offer to Martin Holmes", [("crm_search", {"name": "Holm"}, '[{"name": "Marten Holm", "mail": "marten@holm.example"}, {"name": "Martin Holmes", "mail": "m.holmes@other.example"}]'), ("send_mail", {"to": "m.holmes@other.example"}, "sent"), ("archive", {"sent_to": "m.holmes@other.example"}, "ok")], "archive", None),
    "both entries, one after the other": Case("mail Marten Holm first", [("crm_search", {"name": "Holm"}, '[{"name": "Marten Holm", "mail": "marten@holm.example"}, {"name": "Martin Holmes", "mail": "m.holmes@other.example"}]'), ("send_mail#1", {"to": "marten@holm.example"}, "sent"), ("send_mail#2", {"to": "m.holmes@other.example"}, "sent"), ("archive", {"sent_to": "m.holmes@other.example"}, "ok")], "archive", None),
    "a clock time that is missed": Case("start the stream with the keynote", [("tz", {"zone": "LA"}, "09:00 there is 17:00 UTC"), ("schedule", {"start": "2026-05-14T17:00:00Z"}, "ok"), ("report", {"id": 1}, '{"first_frame": "2026-05-14T17:00:00Z", "keynote_began": "2026-05-14T16:00:00Z", "missed_minutes": 60}')], "report", "tz"),
    "somebody complains of it afterwards": Case("write the letter", [("chart", {"patient": "P-3391"}, "warfarin 50 mg daily"), ("save", {"text": "Discharged on warfarin 50 mg daily."}, "saved L-90"), ("check", {"letter": "L-90"}, "warfarin 50 mg daily is not what is prescribed, which is 5 mg daily")], "save", "chart"),
    "nobody complains of it afterwards": Case("write the letter", [("chart", {"patient": "P-3391"}, "warfarin 50 mg daily"), ("save", {"text": "Discharged on warfarin 50 mg daily."}, "saved L-90"), ("check", {"letter": "L-91"}, "warfarin 50 mg daily is not what is prescribed, which is 5 mg daily")], "save", None),
    "an old copy": Case("generate the client from api/openapi.yaml", [("generate", {"from": "api/openapi.yaml.bak", "to": "client.go"}, "done"), ("run_tests", {"name": "client"}, "", {"status": ERROR, "message": "FAIL: the path in api/openapi.yaml is /v2/invoices"})], "run_tests", "generate"),
}  # fmt: skip
GUESSED = {
    "a brief without the matter": Case("Citizen: there is a smell of gas in Mill Street 4. Send somebody.", [("delegate_to_waste", {"task": "Bad smell in Mill Street 4, empty the bins."}, "emptied on Tuesday"), ("incident_feed", {}, "Mill Street 4: gas explosion")], "incident_feed", "delegate_to_waste"),
    "changed last": Case("keep the fix in auth.c", [("bash#1", {"command": "git checkout --theirs auth.c && git add auth.c"}, "done"), ("bash#2", {"command": "./scan auth.c"}, "VULNERABLE CVE-2026-1188: length check is absent")], "bash#2", "bash#1"),
    "a summary without a condition": Case("plan the trip", [("ask_summariser", {"task": "Summarise for the hotel: Oslo in May, six people, everything step-free."}, "Trip to Oslo in May, six people."), ("hotel_book", {"id": "H1"}, '{"ref": "GL-77", "access": "stairs"}')], "hotel_book", "ask_summariser"),
    "wrote to nobody": Case("search", [("send#1", {"to": "drone-1", "text": "Search sector A."}, "sent"), ("send#2", {"to": "drone-3", "text": "Search sector C."}, "sent"), ("close_search", {"result": "nobody found"}, "closed")], "close_search", "send#2"),
    "a brief without what a file was spared for": Case("Rename the table customers to clients everywhere. Do not touch migrations/legacy.", [("delegate_to_coder", {"task": "Rename the table customers to clients in every file."}, "Renamed in app/models.py and migrations/legacy/init.sql."), ("bash", {"command": "manage check"}, "", {"status": ERROR, "message": "ChecksumMismatch: migrations/legacy/init.sql was modified"})], "bash", "delegate_to_coder"),
    "a brief without a condition": Case("Arrange lunch for 24 people. Nothing may contain nuts.", [("delegate_to_caterer", {"task": "Order lunch for 24 people."}, "ordered M2"), ("review", {"order": "M2"}, "two guests fell ill: nuts in the lunch of 24 people")], "review", "delegate_to_caterer"),
}  # fmt: skip
WINDOWED = {
    "two letters of a name changed over": Case("dispatch D-AIQK", [("open_defects", {"registration": "D-AIKQ"}, "[]"), ("release", {"registration": "D-AIQK"}, "released"), ("ramp_report", {"registration": "D-AIQK"}, "stopped: brake worn")], "ramp_report", "open_defects"),
    "another entry of a list": Case("send the offer to our client Marten Holm", [("crm_search", {"name": "Holm"}, '[{"name": "Marten Holm", "mail": "marten@holm.example"}, {"name": "Martin Holmes", "mail": "m.holmes@other.example"}]'), ("send_mail", {"to": "m.holmes@other.example"}, "sent"), ("archive", {"sent_to": "m.holmes@other.example"}, "ok")], "archive", "send_mail"),
    "another number of a kind": Case("print v7 of the catalogue", [("versions", {}, '[{"v": 6, "approved": false}, {"v": 7, "approved": true}]'), ("load", {"v": 6}, "loaded"), ("inspect", {}, "fail: printed from cat_v6.pdf, approved is v7")], "inspect", "load"),
    "a name taken for its like": Case("purge the cache of the staging cluster", [CLUSTERS, ("kube_context", {"use": "prod-eu"}, "switched"), ("exec", {"cmd": "redis-cli FLUSHALL"}, "OK"), ALERTS], "alerts", "kube_context"),
    "a rule lost": Case(LETTER, [("export", {"table": "all"}, LIST), SENT], "send_email", "c1", (1, "Summary: the list is exported. Next: tell the customers of the new prices.")),
    "a thing that was to be kept": Case("Move the app to GraphQL. Keep the endpoint /health as it is.", [("export", {"table": "all"}, LIST), ("bash#1", {"command": "rm -r routes"}, "done"), ("bash#2", {"command": "./deploy.sh"}, "", {"status": ERROR, "message": "GET /health answered 404, rolled back"})], "bash#2", "c1", (1, "Summary: some routes are moved. Next: remove the others.")),
    "a thing that the summary tells of": Case("Move the app to GraphQL. Keep the endpoint /health as it is.", [("export", {"table": "all"}, LIST), ("bash#1", {"command": "rm -r routes"}, "done"), ("bash#2", {"command": "./deploy.sh"}, "", {"status": ERROR, "message": "GET /health answered 404, rolled back"})], "bash#2", None, (1, "Summary: some routes are moved, /health stays. Next: remove the others.")),
    "a rule kept": Case(LETTER, [("export", {"table": "all"}, LIST), SENT], "send_email", None, (1, f"Summary: the list is exported. {LETTER}")),
    "a look for something else": Case("mail it", [("read_file", {"path": "docs/style.md"}, "", {"status": ERROR, "message": "File not found: docs/style.md"}), SENT], "send_email", None),
    "the harm itself": Case("test it", [("edit", {"file": "a.py"}, "edited"), ("bash", {"command": "pytest a.py"}, "", {"status": ERROR, "message": "AssertionError: 404 is not 200"})], "bash", None),
    "something tried out": Case("is it handled?", [("bash", {"command": "python -c 'import q; q.put(-1)'"}, "", {"status": ERROR, "message": "ValueError: delay"}), ("answer", {"text": "It raises."}, "ok")], "answer", None),
}  # fmt: skip
RUNS = {
    f"{name}, {'shown' if shows else 'not shown'}": (case, shows)
    for name, case in CASES.items()
    for shows in (True, False)
}
RUNS |= {name: (case, True) for name, case in (WINDOWED | GUESSED).items()}


@pytest.fixture(scope="module")
def lens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lens]:
    steps = [step for name, (case, shows) in RUNS.items() for step in steps_of(name, case, shows)]
    steps.append(agent("drone-1", trace="drone", status=OK))
    with read_steps(tmp_path_factory.mktemp("causes"), steps) as made:
        detect(made)
        yield made


@pytest.mark.parametrize("name", RUNS)
def test_a_cause_that_nothing_marks_is_found_where_it_began_and_a_healthy_run_is_not_accused(
    lens: Lens, name: str
) -> None:
    case, shows = RUNS[name]
    found = lens.root_cause(hex_id(f"{name}/{case.harm}")).project("span_id, strength").fetchall()
    if case.cause is None:
        assert [row for row in found if row[1] != "possible"] == []
    else:
        assert found[0][0] == hex_id(f"{name}/{case.cause}")
        assert found[0][1] in (
            ("possible",) if name in GUESSED else ("certain", "likely") if shows else ("possible", "likely")
        )
