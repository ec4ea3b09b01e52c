"""Runs in which nothing goes wrong, although a hasty reader might think so: nothing may be found in them.

`HEALTHY` are functions of (random, trade) that return a `Case`; `also` names what is truly there all the same.
"""

from __future__ import annotations

import random

from team_failures import Case, Play, begin, busy, get, look, mishap, outage, put
from team_log import Log, Run
from team_words import Trade

HEALTHY: list[Play] = []


def healthy(play: Play) -> Play:
    HEALTHY.append(play)
    return play


@healthy
def plain_work(rng: random.Random, t: Trade) -> Case:
    log, run = begin(rng, t)
    busy(run, rng, t, rng.randrange(2, 7))
    put(run, t, t.paths[0], rng.choice(t.musing))
    run.end(t.done)
    return Case(log)


@healthy
def polls_until_done(rng, t):
    log, run = begin(rng, t)
    tool, arg, runs, done = t.poll
    busy(run, rng, t, 2)
    for _ in range(rng.randrange(3, 12)):
        run.act(tool, {arg: t.items[0]}, runs)
        run.wait(rng.uniform(15, 90))
    run.act(tool, {arg: t.items[0]}, done)
    run.end(t.done)
    return Case(log)


@healthy
def polls_with_progress(rng, t):
    log, run = begin(rng, t)
    tool, arg, runs, done = t.poll
    share = 3
    while share < 97:
        run.act(tool, {arg: t.items[1]}, f"{runs} ({share} %)")
        run.wait(30)
        share += rng.randrange(6, 25)
    run.act(tool, {arg: t.items[1]}, done)
    run.end(t.done)
    return Case(log)


@healthy
def waits_between_looks(rng, t):
    log, run = begin(rng, t)
    tool, arg, runs, done = t.poll
    for _ in range(rng.randrange(3, 7)):
        run.act("sleep", {"seconds": 60}, "", secs=60)
        run.act(tool, {arg: t.items[2]}, runs)
    run.act("sleep", {"seconds": 60}, "", secs=60)
    run.act(tool, {arg: t.items[2]}, done)
    run.end(t.done)
    return Case(log)


@healthy
def second_try_works(rng, t):
    log, run = begin(rng, t)
    busy(run, rng, t, 2)
    for item in rng.sample(t.items, 2):
        for _ in range(rng.randrange(1, 3)):
            run.act(t.look[0], {t.look[1]: item + "/b"}, error=outage(rng, t))
            run.wait(rng.uniform(2, 20))
        look(run, rng, t, item + "/b")
    run.end(t.done)
    return Case(log)


@healthy
def model_is_busy_for_a_moment(rng, t):
    log, run = begin(rng, t)
    busy(run, rng, t, 2)
    for _ in range(rng.randrange(1, 3)):
        run.think(error=outage(rng, t))
        run.wait(rng.uniform(3, 30))
    busy(run, rng, t, 2)
    run.end(t.done)
    return Case(log)


@healthy
def another_way_works(rng, t):
    log, run = begin(rng, t)
    error = mishap(rng, t)
    run.act(t.fetch[0], {t.fetch[1]: t.paths[0]}, error=error)
    run.act(t.fetch[0] + "_cached", {t.fetch[1]: t.paths[0]}, t.musing[0])
    busy(run, rng, t, 2)
    run.end(f"{t.done} ({t.fetch[0]}: {error[1]}; {t.fetch[0]}_cached)")
    return Case(log)


@healthy
def says_that_it_failed(rng, t):
    log, run = begin(rng, t)
    busy(run, rng, t, 3)
    error = mishap(rng, t)
    run.act(t.save[0], {t.save[1]: t.paths[1], t.save[2]: t.musing[0]}, error=error)
    run.end(t.half.format(reason=error[1]))
    return Case(log)


@healthy
def helper_says_that_it_failed(rng, t):
    log, run = begin(rng, t)
    error, helper = mishap(rng, t), rng.choice(t.crew)
    child = run.hand(t.hand, helper, {"task": t.musing[0]})
    busy(child, rng, t, 2)
    child.act(t.check[0], {"target": t.paths[0]}, error=error)
    child.end(t.half.format(reason=error[1]))
    run.end(t.half.format(reason=error[1]))
    return Case(log)


@healthy
def fan_out(rng, t):
    log, run = begin(rng, t)
    crew = rng.sample(t.crew, rng.randrange(3, 7))
    briefs = [(c, {"task": rng.choice(t.musing), "item": i}) for c, i in zip(crew, t.items, strict=False)]
    for child, item in zip(run.fan(t.hand, briefs), t.items, strict=False):
        for part in rng.sample(("a", "b", "c", "d"), rng.randrange(2, 4)):
            look(child, rng, t, f"{item}/{part}")
        put(child, t, f"out/{child.agent.lower().replace(' ', '-')}.md", f"{item}: {rng.choice(t.musing)}")
        child.end(f"{item}: {t.done}")
    run.end(t.done)
    return Case(log)


@healthy
def fan_out_of_searches(rng, t):
    log, run = begin(rng, t)
    briefs = [(c, f"{t.musing[i % 3]} {t.items[i]}") for i, c in enumerate(t.crew)]
    for child, item in zip(run.fan(t.hand, briefs), t.items, strict=False):
        child.act(
            "web_search",
            {"query": f"{item} {t.key}"},
            [{"title": item, "url": f"https://{t.key}.example/{log.hex(4)}"}],
        )
        child.end(f"{item}: {t.found.format(item=item, n=3)}")
    run.end(t.done)
    return Case(log)


@healthy
def same_helper_other_matters(rng, t):
    log, run = begin(rng, t)
    helper = rng.choice(t.crew)
    for item in rng.sample(t.items, rng.randrange(3, 6)):
        child = run.hand(t.hand, helper, {"task": f"{rng.choice(t.musing)} {item}"})
        look(child, rng, t, item)
        child.end(t.found.format(item=item, n=rng.randrange(99)))
    run.end(t.done)
    return Case(log)


@healthy
def review_rounds(rng, t):
    log, run = begin(rng, t)
    writer, reader = rng.sample(t.crew, 2)
    text = t.musing[0]
    for n in range(rng.randrange(2, 4)):
        w = run.hand(t.hand, writer, {"task": f"{t.paths[0]}, {n + 1}: {t.items[n]}"})
        if n:
            get(w, t, t.paths[0], text)
        text = f"{text}\n{n + 1}. {t.items[n]}"
        put(w, t, t.paths[0], text)
        w.end(f"{n + 1}. {t.done}")
        r = run.hand(t.hand, reader, {"task": f"{t.check[0]} {t.paths[0]} ({n + 1})"})
        get(r, t, t.paths[0], text)
        r.end(f"{n + 1}: {t.items[n + 1]}?")
    run.end(t.done)
    return Case(log)


@healthy
def thinks_for_long(rng, t):
    log, run = begin(rng, t)
    busy(run, rng, t, 2)
    run.think(rng.choice(t.musing), secs=rng.uniform(300, 1500))
    busy(run, rng, t, 2)
    run.end(t.done)
    return Case(log)


@healthy
def a_person_goes_to_lunch(rng, t):
    log, run = begin(rng, t)
    busy(run, rng, t, 2)
    run.think(t.musing[0] + " OK?")
    run.hear("ok", after=rng.uniform(1800, 50_000))
    busy(run, rng, t, 3)
    run.end(t.done)
    return Case(log)


@healthy
def handoffs_by_exception(rng, t):
    log, run = begin(rng, t)
    for name in rng.sample(t.crew, rng.randrange(3, 6)):
        how = rng.choice(("ParentCommand", "langgraph.errors.ParentCommand"))
        run.act(
            f"transfer_to_{name.lower().replace(' ', '_')}",
            {},
            f"-> {name}",
            error=(how, f"Command(goto='{name}')"),
            steers=True,
        )
        log.steps[-1].result = f"Successfully transferred to {name}"
        taker = Run(log, name, f"{t.musing[0]} {name}", run.step, run.t, {})
        look(taker, rng, t, f"{rng.choice(t.items)}/{name}")
        taker.end(f"{name}: {t.done}")
        run.t = taker.t
    run.end(t.done)
    return Case(log, forms=("genai", "inference"))


@healthy
def waits_for_a_nod(rng, t):
    log, run = begin(rng, t)
    busy(run, rng, t, 2)
    run.act(
        t.danger,
        {"target": t.items[0]},
        error=("GraphInterrupt", "(Interrupt(value='approve?', resumable=True),)"),
        steers=True,
    )
    log.steps[-1].result = "interrupted"
    run.hear("approved", after=900)
    run.act(t.danger, {"target": t.items[0]}, {"ok": True})
    run.end(t.done)
    return Case(log, forms=("genai", "inference"))


@healthy
def a_batch_of_like_things(rng, t):
    log, run = begin(rng, t)
    for i in range(rng.randrange(15, 45)):
        item = f"{t.items[i % 7]}-{i:03}"
        run.act(t.look[0], {t.look[1]: item}, rng.choice(("ok", "ok", f"{rng.randrange(9)}")))
    run.end(t.done)
    return Case(log, (), ("runaway",))  # beside short runs of the same agent it is what it is: far longer


@healthy
def pages_through(rng, t):
    log, run = begin(rng, t)
    cursor = None
    for page in range(rng.randrange(4, 15)):
        following = log.hex(8)
        args = (
            {"status": "open"} | ({"cursor": cursor} if cursor else {})
            if rng.random() < 0.7
            else {"status": "open", "page": page}
        )
        run.act("list_records", args, {"items": [f"{page}-{i}" for i in range(3)], "next": following})
        cursor = following
    run.end(t.done)
    return Case(log)


@healthy
def tests_and_fixes(rng, t):
    log, run = begin(rng, t)
    tool, bad, good = t.check
    body = t.musing[0]
    get(run, t, t.paths[0], body)
    for n in range(rng.randrange(2, 5)):
        run.act(tool, {"target": t.paths[0]}, bad if n == 0 else bad + f" (+{n})")
        run.act("apply_patch", {"path": t.paths[0], "patch": f"@@ {n} @@\n-{t.items[n]}\n+{t.items[n + 1]}"}, "applied")
    run.act(tool, {"target": t.paths[0]}, good)
    run.end(t.done)
    return Case(log)


@healthy
def same_fault_until_the_fix_is_right(rng, t):
    log, run = begin(rng, t)
    tool, bad, good = t.check
    for n in range(3):
        run.act(tool, {"target": t.paths[0]}, bad)
        run.act(t.save[0], {t.save[1]: t.paths[0], t.save[2]: f"{t.musing[n]} {t.items[n]}"}, {"ok": True})
    run.act(tool, {"target": t.paths[0]}, good)
    run.end(t.done)
    return Case(log)


@healthy
def reads_again_after_an_edit(rng, t):
    log, run = begin(rng, t)
    text = t.musing[0]
    for n in range(rng.randrange(3, 6)):
        get(run, t, t.paths[0], text)
        text += f"\n{t.items[n]}"
        put(run, t, t.paths[0], text)
    get(run, t, t.paths[0], text)
    run.end(t.done)
    return Case(log)


@healthy
def reports_every_hour(rng, t):
    log = Log(rng, t.model, t.key)
    for n in range(rng.randrange(4, 9)):
        run = log.start(
            t.lead,
            "Read HEARTBEAT.md if it exists. If nothing needs attention, reply HEARTBEAT_OK.",
            at=log.clock + n * 3600,
        )
        run.end("HEARTBEAT_OK")
    return Case(log, forms=("genai", "inference", "nested", "flat", "sdk"))


@healthy
def lists_and_tables(rng, t):
    log, run = begin(rng, t)
    busy(run, rng, t, 2)
    rows = "".join(f"| {i} | ok | {rng.randrange(99)} |\n" for i in t.items * 3)
    code = "\n".join(f"    check('{i}')" for i in t.items)
    run.think(
        f"| item | state | n |\n|---|---|---|\n{rows}\n"
        + "-" * 60
        + "\n"
        + "".join(f"- {i}: ok\n" for i in t.items * 2)
        + f"\n```python\n{code}\n```"
    )
    run.end(t.done)
    return Case(log)


@healthy
def quiet_shell(rng, t):
    log, run = begin(rng, t)
    for n, command in enumerate(
        ("mkdir -p out", "cp -r src/. out/", "git add -A", "chmod +x out/run.sh", "touch out/.done", "mv out/a out/b")
    ):
        run.act("Bash", {"command": command, "description": t.items[n]}, "")
    run.act("Bash", {"command": "git commit -qm step && git log --oneline | head -1"}, f"{log.hex(7)} step")
    run.end(t.done)
    return Case(log)


@healthy
def finds_nothing_twice(rng, t):
    log, run = begin(rng, t)
    for item in t.items[:3]:
        run.act("grep", {"pattern": item, "path": "."}, "No matches found")
    run.act("grep", {"pattern": t.key, "path": "."}, f"{t.paths[0]}:12: {t.key}")
    run.end(t.done)
    return Case(log)


@healthy
def deep_team(rng, t):
    log, run = begin(rng, t)
    now, runs = run, []
    for i, name in enumerate(rng.sample(t.crew, rng.randrange(3, 5))):
        now = now.hand(t.hand, name, {"task": f"{rng.choice(t.musing)} {t.items[i]}"})
        look(now, rng, t, t.items[i])
        runs.append(now)
    for r in reversed(runs):
        r.end(f"{r.agent}: {t.done}")
    run.end(t.done)
    return Case(log)


@healthy
def quotes_the_helper(rng, t):
    log, run = begin(rng, t)
    a, b = rng.sample(t.crew, 2)
    one = run.hand(t.hand, a, {"task": t.musing[0]})
    look(one, rng, t, t.items[0])
    answer = t.found.format(item=t.items[0], n=rng.randrange(99))
    one.end(answer)
    two = run.hand(t.hand, b, {"task": t.musing[1], "context": f'{a}: "{answer}"'})
    put(two, t, t.paths[2], f"> {answer}\n\n({a})")
    two.end(t.done)
    run.end(f"{t.done} {answer}")
    return Case(log)
