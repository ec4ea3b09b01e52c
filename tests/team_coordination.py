"""Runs that go wrong between agents: waits, beats, messages, writes, and what was agreed; see `team_failures`."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from team_failures import ATTRIBUTES, NESTED, Case, beats, begin, busy, fails, look, manifest, put
from team_log import DAY, Log, iso


@fails("deadlock")
def ring_in_heartbeats(rng, t):
    log = Log(rng, t.model, t.key)
    names = rng.sample(t.crew, rng.randrange(3, 6))
    ring = names[: rng.randrange(2, len(names) + 1)]

    def say(wave: int, name: str) -> str:
        if wave < 3 or name not in ring:
            return f"IN_PROGRESS (step {wave})"
        return f"BLOCKED ({t.waiting.format(name=ring[(ring.index(name) + 1) % len(ring)])})"

    beats(log, names, rng.randrange(6, 10), rng.choice((600, 900, 1800)), say)
    return Case(log, tuple(ring), ("blocked",))


@fails("deadlock")
def ring_in_reports(rng, t):
    log = Log(rng, t.model, t.key)
    ring = rng.sample(t.crew, rng.randrange(2, 4))
    rows = []
    for turn in range(3):
        for i, name in enumerate(ring):
            rows.append({"FROM": name, "TO": t.lead, "TIMESTAMP": iso(DAY + turn * 1800 + i * 70), "STATUS": "BLOCKED", "DELIVERABLES": [], "BLOCKERS": [t.waiting.format(name=ring[(i + 1) % len(ring)])], "NEXT": t.musing[0]})  # fmt: skip
    log.files["reports.jsonl"] = "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows)
    return Case(log, tuple(ring), ("blocked", "lost_message"))


@fails("missed_heartbeat")
def falls_out_of_the_beat(rng, t):
    log = Log(rng, t.model, t.key)
    names = rng.sample(t.crew, rng.randrange(3, 6))
    gone, first, gap = rng.choice(names), rng.randrange(4, 7), rng.randrange(2, 5)
    beats(log, names, 14, rng.choice((300, 900, 1200)), lambda w, n: None if n == gone and first <= w < first + gap else f"IN_PROGRESS ({t.items[w % 7]}, {w * 7}%)")  # fmt: skip
    return Case(log, (gone,), ("silent_agent",))


@fails("silent_agent")
def never_heard_again(rng, t):
    log, run = begin(rng, t)
    crew = rng.sample(t.crew, 3)
    quiet = rng.choice(crew)
    children = run.fan(t.hand, [(c, {"task": m}) for c, m in zip(crew, t.musing, strict=False)])
    every = rng.uniform(40, 120)
    for child in children:
        for i in range(4 if child.agent == quiet else 16):
            item = f"{t.items[i % 7]}/{child.agent}/{i}"
            child.act(t.look[0], {t.look[1]: item}, t.found.format(item=item, n=i + 20))
            child.wait(every * rng.uniform(0.8, 1.2))
        if child.agent != quiet:
            child.end(t.done)
    run.end(t.half.format(reason=quiet))
    return Case(log, (quiet,), ("lost_message", "premature_complete"), NESTED)


@fails("lost_message")
def nobody_answers(rng, t):
    log = Log(rng, t.model, t.key)
    a, b, c = rng.sample(t.crew, 3)
    rows, at = [], DAY + rng.randrange(9999)

    def send(frm: str, to: str, text: str, reply: str | None = None) -> str:
        nonlocal at
        at += rng.randrange(30, 200)
        rows.append({"message_id": log.hex(8), "from": frm, "to": to, "timestamp": iso(at), "payload": text} | ({"in_reply_to": reply} if reply else {}))  # fmt: skip
        return rows[-1]["message_id"]

    for item in t.items[:4]:
        asked = send(a, b, f"{t.look[0]} {item}?")
        send(b, a, t.found.format(item=item, n=rng.randrange(99)), asked)
    send(a, c, f"Please take over: {t.task}")
    for item in t.items[4:]:
        asked = send(a, b, f"{t.look[0]} {item}?")
        send(b, a, t.found.format(item=item, n=rng.randrange(99)), asked)
    at += 3600
    send(a, b, t.done)
    send(b, a, "ok")
    log.files["bus.jsonl"] = "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows)
    return Case(log, (a, c))


@fails("lost_message")
def handed_on_to_nobody(rng, t):
    log, run = begin(rng, t)
    a, gone = rng.sample(t.crew, 2)
    child = run.hand("delegate_work", a, {"agent": a, "task": t.musing[0]})
    busy(child, rng, t, 3)
    child.end(t.done)
    run.act("delegate_work", {"agent": gone, "task": t.musing[1]}, {"queued": True, "ticket": log.hex(6)})
    busy(run, rng, t, 4)
    run.wait(2400)
    busy(run, rng, t, 2)
    run.end(t.done)
    return Case(log, (t.lead, gone), ("premature_complete",), NESTED)


@fails("lost_message")
def assigned_to_nobody(rng, t):
    log, run = begin(rng, t)
    a, gone = rng.sample(t.crew, 2)
    child = run.hand("assign_task", a, {"assignee": a, "task": t.musing[0]})
    busy(child, rng, t, 2)
    child.end(t.done)
    run.act("assign_task", {"assignee": gone, "task": t.musing[1]}, {"status": "queued", "task_id": log.hex(4)})
    for item in t.items[:4]:
        look(run, rng, t, item)
        run.wait(rng.uniform(200, 600))
    run.end(t.done)
    return Case(log, (t.lead, gone), ("premature_complete",), NESTED)


@fails("competing_writes")
def written_over(rng, t):
    log, run = begin(rng, t)
    a, b = rng.sample(t.crew, 2)
    path = rng.choice(t.paths)
    one, two = run.fan(t.hand, [(a, {"task": t.musing[0]}), (b, {"task": t.musing[1]})])
    busy(one, rng, t, 2)
    put(one, t, path, t.musing[0])
    one.end(t.done)
    busy(two, rng, t, 2)
    two.t = max(two.t, one.t) + 5
    put(two, t, path, t.musing[1])
    two.end(t.done)
    run.end(t.done)
    return Case(log, (a, b), ("duplicate_work",))


@fails("stale_packet")
def works_from_the_old_version(rng, t):
    log, run = begin(rng, t)
    packet, old = f"{t.key}-brief", rng.randrange(1, 6)
    a, b = rng.sample(t.crew, 2)
    put(run, t, t.paths[0], f"v{old}", **{"packet.id": packet, "packet.version": str(old)})
    run.wait(600)
    put(run, t, t.paths[0], f"v{old + 1}", **{"packet.id": packet, "packet.version": str(old + 1)})
    run.wait(300)
    good = run.hand(t.hand, a, {"task": t.musing[0]}, **{"packet.id": packet, "packet.version": str(old + 1)})
    busy(good, rng, t, 2)
    good.end(t.done)
    late = run.hand(t.hand, b, {"task": t.musing[1]}, **{"packet.id": packet, "packet.version": str(old)})
    busy(late, rng, t, 2)
    late.end(t.done)
    run.end(t.done)
    return Case(log, (b,), forms=ATTRIBUTES)


@fails("premature_complete")
def done_while_the_check_fails(rng, t):
    log, run = begin(rng, t)
    for item in rng.sample(t.items, 2):
        look(run, rng, t, item)
        put(run, t, rng.choice(t.paths), t.found.format(item=item, n=rng.randrange(99)))
    tool, bad, _ = t.check
    if rng.random() < 0.5:
        run.act(tool, {"target": t.paths[0]}, bad)
    else:
        run.act(tool, {"target": t.paths[0]}, error=("CheckFailed", bad))
    run.end(t.done)
    return Case(log, (t.lead,), ("swallowed_error",))


@fails("premature_complete")
def done_while_work_is_open(rng, t):
    log = Log(rng, t.model, t.key)
    names = rng.sample(t.crew, 3)
    rows, at = [], DAY + rng.randrange(9999)

    def report(name: str, after: int, status: str, made: list[str], blockers: list[str]) -> None:
        nonlocal at
        at += after
        rows.append({"FROM": name, "TO": t.lead, "TIMESTAMP": iso(at), "STATUS": status, "DELIVERABLES": made, "BLOCKERS": blockers, "NEXT": "-"})  # fmt: skip

    report(names[0], 60, "IN_PROGRESS", [], [])
    report(names[1], 60, "COMPLETE", [t.paths[0]], [])
    report(names[2], 400, "COMPLETE", [], [t.check[1]])
    log.files["pax.jsonl"] = "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows)
    return Case(log, (names[2], names[0]), ("lost_message",))


@fails("blocked")
def stuck_outside(rng, t):
    log = Log(rng, t.model, t.key)
    names = rng.sample(t.crew, 3)
    why = rng.choice(("API key revoked by the vendor", "needs a signature from the client", "VPN certificate expired", "quota of the vendor used up"))  # fmt: skip
    beats(
        log, names, 12, 900, lambda w, n: f"BLOCKED ({why})" if n == names[0] and w > 3 else f"IN_PROGRESS ({w} of 12)"
    )
    return Case(log, (names[0],))


@fails("thundering_herd")
def all_at_the_beat(rng, t):
    log = Log(rng, t.model, t.key)
    names = [*t.crew, t.lead]
    beats(log, names, 8, 900, lambda w, n: f"IN_PROGRESS ({w})")
    beat = log.clock
    for line in log.files["heartbeats.log"].splitlines()[:200]:
        if line.startswith("Wave 5 "):
            beat = datetime.fromisoformat(line.split("| ")[1]).replace(tzinfo=UTC).timestamp()
    for i, name in enumerate(names):
        run = log.start(name, t.musing[i % 3], at=beat + rng.uniform(0.2, 1.0))
        run.think(None, [], secs=0.2)
        step = run._use("call_" + log.hex(8), "query_warehouse", {"dsn": "main", "sql": f"select {i}"}, f"{i} rows", None, 1.0, False, {})  # fmt: skip
        step.start = beat + rng.uniform(0.5, 2.5)
        run.end(t.done)
    return Case(log, tuple(names), ("duplicate_work",), ("genai", "flat", "nested", "inference"))


@fails("runaway")
def goes_on_and_on(rng, t):
    log = Log(rng, t.model, t.key)
    bad = rng.randrange(3, 9)
    for n in range(10):
        run = log.start(t.lead, f"{t.task} ({t.items[n % 7]})", at=log.clock + n * 7200)
        for i in range(rng.randrange(110, 160) if n == bad else rng.randrange(5, 12)):
            item = f"{t.items[i % 7]}/{n}{i}"
            run.act(t.look[0], {t.look[1]: item}, t.found.format(item=item, n=rng.randrange(11, 9999)))
        run.end(t.done)
    return Case(log, (t.lead,), ("budget_breach", "context_overflow"), ("genai", "flat", "nested", "inference"))


@fails("off_matrix_delegation")
def hands_on_past_the_matrix(rng, t):
    log, run = begin(rng, t)
    a, b, c = rng.sample(t.crew, 3)
    table = f"# Who hands work to whom\n\n| From | To | When |\n|---|---|---|\n| {t.lead} | {a} | always |\n| {t.lead} | {b} | always |\n| {b} | {c} | on request |\n"  # fmt: skip
    log.files["TEAM.md"] = table
    one = run.hand(t.hand, a, {"task": t.musing[0]})
    off = one.hand(t.hand, c, {"task": t.musing[1]})
    busy(off, rng, t, 2)
    off.end(t.done)
    one.end(t.done)
    run.end(t.done)
    return Case(log, (a, c), forms=NESTED)


@fails("undeclared_tool")
def uses_what_it_was_not_given(rng, t):
    log, run = begin(rng, t)
    a = rng.choice(t.crew)
    log.files["team.yaml"] = manifest(t, {n: [t.look[0], t.fetch[0]] for n in t.crew})
    child = run.hand(t.hand, a, {"task": t.musing[0]})
    busy(child, rng, t, 3)
    child.act(t.danger, {"target": rng.choice(t.items)}, {"ok": True})
    child.end(t.done)
    run.end(t.done)
    return Case(log, (a,), forms=NESTED)


@fails("scope_breach")
def reads_a_strangers_memory(rng, t):
    log, run = begin(rng, t)
    a, b = rng.sample(t.crew, 2)
    one, two = run.fan(t.hand, [(a, {"task": t.musing[0]}), (b, {"task": t.musing[1]})])
    one.act(
        t.memory[0], {"key": "notes", "value": t.musing[2]}, "stored", **{"memory.scope": "agent", "memory.owner": a}
    )
    one.end(t.done)
    two.t += 10
    tool = t.memory[rng.randrange(2)]
    two.act(tool, {"key": "notes"} | ({"value": "x"} if tool == t.memory[0] else {}), t.musing[2], **{"memory.scope": "agent", "memory.owner": a})  # fmt: skip
    two.end(t.done)
    run.end(t.done)
    return Case(log, (b,), ("competing_writes",), ATTRIBUTES)


@fails("approval_skipped")
def goes_past_the_gate(rng, t):
    log, run = begin(rng, t)
    extra = {t.lead: f"    requires_approval: [{t.danger}]\n"}
    log.files["team.yaml"] = manifest(t, {}, extra)
    run.act("request_approval", {"tool": "send_report", "reason": t.musing[0]}, "approved", secs=90)
    busy(run, rng, t, 3)
    run.act(t.danger, {"target": t.items[0]}, {"ok": True})
    run.end(t.done)
    return Case(log, (t.lead,), forms=NESTED)


@fails("approval_skipped")
def too_low_a_tier(rng, t):
    log, run = begin(rng, t)
    busy(run, rng, t, 2)
    run.act(
        t.danger,
        {"target": t.items[0]},
        {"ok": True},
        **{"approval.required_tier": "T3", "approval.granted_tier": "T1"},
    )
    run.end(t.done)
    return Case(log, (t.lead,), forms=ATTRIBUTES)
