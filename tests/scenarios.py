"""Makes runs of agent teams, failing in one known way or healthy, as plain steps that any log format can hold.

Every run has agents of its own (their names end in the number of the run), so that many runs stand in one lens and each finding
can be traced to its run. Names, counts, times, texts and surroundings vary with the seed.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

DAY = datetime(2026, 1, 1, tzinfo=UTC)
ROLES = ["planner", "researcher", "writer", "reviewer", "coder", "tester", "analyst", "scout", "editor", "courier"]
LOOKUPS = ["search", "query_orders", "list_invoices", "fetch_page", "grep", "lookup_customer"]
TRANSIENT = ["503 Service Unavailable", "429 Too Many Requests", "ReadTimeout: timed out", "connection reset by peer"]
LASTING = ["FileNotFoundError: no such file", "403 Forbidden", "ValidationError: schema mismatch in field x"]
TOPICS = [
    "the harbour report",
    "the price list",
    "the launch mail",
    "the audit trail",
    "the partner offer",
    "the backlog",
]
Step = dict[str, Any]


@dataclass
class Run:
    """One run: its steps, and what its agents left besides (reports, messages, manifests) as lines by kind."""

    number: int
    random: random.Random
    steps: list[Step] = field(default_factory=list)
    texts: dict[str, list[str]] = field(default_factory=dict)
    trace: int = 0

    @property
    def begins(self) -> int:
        """Runs begin half an hour apart, in seconds since midnight of the first day."""
        return 1800 * self.number

    def names(self, count: int) -> list[str]:
        return [f"{role}_{self.number}" for role in self.random.sample(ROLES, count)]

    def add(self, kind: str, name: str, parent: Step | None, start: float, end: float | None, **more: Any) -> Step:
        start, end = start + self.begins, None if end is None else end + self.begins
        step = {"kind": kind, "name": name, "id": len(self.steps), "parent": parent, "start": start, "end": end}
        step |= {
            "trace": f"{self.number}/{self.trace}",
            "agent": name if kind == "agent" else parent and parent["agent"],
        }
        self.steps.append(step | more)
        return self.steps[-1]

    def agent(self, name: str, parent: Step | None, start: float, end: float | None, **more: Any) -> Step:
        return self.add("agent", name, parent, start, end, **more)

    def tool(self, name: str, parent: Step, start: float, **more: Any) -> Step:
        end = start + more.pop("seconds", 0.4)
        return self.add(
            "tool", name, parent, start, more.pop("end", end), arguments=more.pop("arguments", {"q": "x"}), **more
        )

    def call(
        self, parent: Step, start: float, says: str, heard: list[tuple[str, str]] | None = None, **more: Any
    ) -> Step:
        return self.add("call", "model", parent, start, start + 0.5, says=says, heard=heard, **more)

    def work(self, parent: Step, start: float, count: int) -> float:
        """Ordinary work: calls of the model, each followed by a tool call that is new; returns when it is over."""
        for n in range(count):
            self.call(parent, start, f"Step {n} on {self.random.choice(TOPICS)}, {self.random.random()}.")
            name = self.random.choice(LOOKUPS)
            self.tool(
                name, parent, start + 1, arguments={"q": f"{self.random.random()}"}, result=f"{self.random.random()}"
            )
            start += 2 + self.random.random()
        return start

    def lookups(self, parent: Step, at: float, count: int, failing: Set[int] = frozenset()) -> float:
        """Different calls, each tried once more where its number is among the failing ones; returns when they are over."""
        for n in range(count):
            arguments = {"q": f"{self.random.random()}"}
            if n in failing:
                self.tool("lookup_customer", parent, at, arguments=arguments, error=self.random.choice(TRANSIENT))
                at += 2
            self.tool("lookup_customer", parent, at, arguments=arguments, result=f"{self.random.random()}")
            at += 2 + self.random.random()
        return at

    def text(self, kind: str, line: str) -> None:
        self.texts.setdefault(kind, []).append(line)

    def board(self, beats: list[dict[str, str]], minutes: int = 5) -> None:
        for n, beat in enumerate(beats):
            time = (DAY + timedelta(seconds=self.begins, minutes=n * minutes)).strftime("%Y-%m-%d %H:%M:%S")
            rows = "".join(f"  {agent}: {status}\n" for agent, status in beat.items())
            self.text("beats", f"Wave {self.number + 1} | {time}\nAgents:\n{rows}")

    def message(self, sender: str, recipient: str, minute: float, text: str) -> None:
        record = {"message_id": f"{self.number}-{minute}-{sender}", "from": sender, "to": recipient, "depth": 1}
        self.text("messages", json.dumps({**record, "payload": text, "timestamp": stamp(self.begins + 60 * minute)}))

    def report(
        self, agent: str, minute: float, status: str, deliverables: str = "none", blockers: str = "none"
    ) -> None:
        head = f"FROM: {agent}\nTO: lead\nWAVE: {self.number + 1}\nTIME: {stamp(self.begins + 60 * minute)}\nSTATUS: {status}\n"
        self.text("reports", f"{head}DELIVERABLES: {deliverables}\nBLOCKERS: {blockers}\nNEXT: none\n---\n")

    def declare(self, agent: str, **declared: Any) -> None:
        lines = [
            f"  - id: {agent}",
            "    role: works",
            *(f"    {key}: {json.dumps(value)}" for key, value in declared.items()),
        ]
        self.text("agents", "\n".join(lines))

    def may_hand_over(self, giver: str, taker: str) -> None:
        self.text("delegations", f"  - from: {giver}\n    to: {taker}")


def stamp(seconds: float) -> str:
    return (DAY + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


# --- failing runs -----------------------------------------------------------------------------------------------------


def tool_loop(run: Run) -> None:
    lead = run.agent(run.names(1)[0], None, 0, 300)
    at = run.work(lead, 1, run.random.randint(0, 4))
    names = run.random.sample(LOOKUPS, run.random.choice([1, 1, 2, 3]))
    for n in range(len(names) * run.random.randint(3, 7)):
        name = names[n % len(names)]
        run.tool(name, lead, at + n, arguments={"q": f"where is {name}"}, result=f"nothing was found for {name}")
    run.work(lead, at + 60, run.random.randint(0, 3))


def no_op_storm(run: Run) -> None:
    lead = run.agent(run.names(1)[0], None, 0, 300)
    at, is_edit = run.work(lead, 1, run.random.randint(0, 4)), run.random.random() < 0.5
    for n in range(run.random.randint(4, 9)):
        if is_edit:
            run.tool(
                "edit_file",
                lead,
                at + n,
                arguments={"path": f"{n}.md", "old_string": "a", "new_string": "a"},
                result="ok",
            )
        else:
            run.tool("update_record", lead, at + n, arguments={"id": 7, "note": f"{n}"}, result="no changes were made")


def retry_storm(run: Run) -> None:
    lead = run.agent(run.names(1)[0], None, 0, 300)
    at, message = run.work(lead, 1, run.random.randint(0, 3)), run.random.choice(TRANSIENT)
    count = run.random.randint(4, 12)
    for n in range(count):
        has_worked = n == count - 1 and run.random.random() < 0.4
        run.tool("deploy", lead, at + 2 * n, **({"result": "live"} if has_worked else {"error": message}))


def retry_burst(run: Run) -> None:
    lead = run.agent(run.names(1)[0], None, 0, 900)
    at = run.lookups(lead, 1, run.random.randint(60, 90), {run.random.randint(0, 50)})
    length = run.random.randint(8, 14)
    at = run.lookups(lead, at, length, set(run.random.sample(range(length), 8)))
    run.lookups(lead, at, run.random.randint(0, 20))


def nested_retries(run: Run) -> None:
    lead, worker = run.names(2)
    top = run.agent(lead, None, 0, 300)
    for n in range(run.random.randint(2, 3)):
        asked = run.tool("ask_helper", top, 50 * n, seconds=48, error="helper failed")
        inner = run.agent(worker, asked, 50 * n + 1, 50 * n + 47, error="gave up")
        for k in range(3):
            run.tool("fetch_page", inner, 50 * n + 2 + 3 * k, error=run.random.choice(TRANSIENT[:1]))


def delegation_loop(run: Run) -> None:
    one, other = run.names(2)
    task = f"Please write {run.random.choice(TOPICS)} for week {run.random.randint(1, 50)}"
    first = run.agent(one, None, 0, 90)
    second = run.agent(other, first, 1, 80)
    for n in range(run.random.randint(2, 5)):
        giver, taker = ((first, other), (second, one))[n % 2]
        run.tool("delegate_task", giver, 2 + n, arguments={"agent": taker, "task": task}, result="accepted")


def repeated_text(run: Run) -> None:
    lead = run.agent(run.names(1)[0], None, 0, 300)
    if run.random.random() < 0.4:
        sentence = f"I have to look at {run.random.choice(TOPICS)} once more. "
        run.call(lead, 1, "Now then. " + sentence * run.random.randint(14, 40), [("user", "go on")])
        return
    said, history = f"I will now go on with {run.random.choice(TOPICS)}.", [("user", "go on")]
    for n in range(run.random.randint(3, 8)):
        run.call(lead, 1 + n, said, list(history))
        history.append(("assistant", said))


def swallowed_error(run: Run) -> None:
    lead, helper = run.names(2)
    thing = run.random.choice(["inventory", "margin", "translation", "licence", "contract"])
    top = run.agent(lead, None, 0, 90, ok=True)
    inner = run.agent(helper, top, 1, 80, ok=True)
    run.tool(f"{thing}_report", inner, 3, error=run.random.choice([*TRANSIENT, *LASTING]))
    run.work(inner, 5, run.random.randint(0, 3))
    run.call(inner, 70, f"The {thing} is in order at every site.")


def error_cascade(run: Run) -> None:
    names = run.names(run.random.randint(3, 5))
    is_chain = run.random.random() < 0.5
    parent = None if is_chain else run.agent(f"lead_{run.number}", None, 0, 99)
    above = parent
    for n, name in enumerate(names):
        above = run.agent(name, above, 1 + n, 50 - n, error=f"{name} gave up")
        if not is_chain:
            run.tool("fetch_page", above, 10, error=TRANSIENT[0])
            above = parent
    if is_chain and above:
        run.tool("fetch_page", above, 10, error=TRANSIENT[0])


def error_burst(run: Run) -> None:
    lead = run.agent(run.names(1)[0], None, 0, 900)
    for n in range(run.random.randint(6, 14)):
        run.tool(
            "fetch_page",
            lead,
            1 + 30 * n,
            arguments={"url": f"https://example.com/{n}"},
            error=run.random.choice(LASTING),
        )
        run.work(lead, 5 + 30 * n, run.random.randint(0, 2))


def deadlock(run: Run) -> None:
    names = run.names(run.random.randint(2, 4))
    circle = dict(zip(names, names[1:] + names[:1]))
    if run.random.random() < 0.5:
        run.board([{name: f"BLOCKED (waiting for {other})" for name, other in circle.items()}] * 4)
        return
    for n, (name, other) in enumerate(circle.items()):
        waiting = run.agent(name, None, n, None)
        run.tool("wait_for_agent", waiting, 10 + n, end=None, arguments={"agent": other})


def missed_heartbeat(run: Run) -> None:
    here, gone = run.names(2)
    first, length = run.random.randint(3, 5), run.random.randint(2, 4)
    run.board(
        [{here: "IN_PROGRESS"} | ({} if first <= n < first + length else {gone: "IN_PROGRESS"}) for n in range(14)]
    )


def silent_agent(run: Run) -> None:
    here, gone = run.names(2)
    last = run.random.randint(4, 6)
    run.board([{here: "IN_PROGRESS"} | ({gone: "IN_PROGRESS"} if n < last else {}) for n in range(14)])


def blocked(run: Run) -> None:
    here, stuck = run.names(2)
    word = f"BLOCKED ({run.random.choice(['no key', 'waits for the customer', 'API quota'])})"
    run.board([{here: "IN_PROGRESS", stuck: word if 3 <= n < 8 else "IN_PROGRESS"} for n in range(10)])


def runaway(run: Run) -> None:
    name = run.names(1)[0]
    for trace, count in enumerate([*(run.random.randint(4, 9) for _ in range(8)), run.random.randint(90, 140)]):
        run.trace = trace
        run.work(run.agent(name, None, 0, 900), 1, count)


def lost_message(run: Run) -> None:
    one, other, gone = run.names(3)
    run.message(gone, one, 0, "ready")
    run.message(one, other, 1, "please look at the list")
    run.message(other, one, 2, "done, it is fine")
    run.message(one, gone, run.random.randint(3, 5), "please send the mails")
    run.message(other, one, run.random.randint(20, 50), "all else is finished")


def competing_writes(run: Run) -> None:
    lead, one, other = run.names(3)
    top = run.agent(lead, None, 0, 99)
    path = f"{run.random.choice(['site', 'docs', 'out'])}/{run.number}.md"
    for n, name in enumerate((one, other)):
        below = run.agent(name, top, 1, 90)
        run.work(below, 2, run.random.randint(0, 2))
        run.tool("write_file", below, 20 + 10 * n, arguments={"path": path, "content": f"by {name}"}, result="saved")


def stale_packet(run: Run) -> None:
    lead, late = run.names(2)
    top, facts = run.agent(lead, None, 0, 99), f"facts-{run.number}"
    for version in (3, 4):
        run.tool(
            "publish_packet", top, version, arguments={"packet": facts, "packet_version": version}, result="published"
        )
    below = run.agent(late, top, 10, 90)
    run.tool("send_mail", below, 20, arguments={"packet": facts, "packet_version": 3, "to": "all"}, result="sent")


def premature_complete(run: Run) -> None:
    lead = run.names(1)[0]
    if run.random.random() < 0.5:
        run.report(
            lead, 5, "COMPLETE", "the list", run.random.choice(["no access to the CRM", "key of the vendor missing"])
        )
        return
    top = run.agent(lead, None, 0, 99)
    run.work(top, 1, 2)
    failed = run.random.randint(1, 5)
    run.tool("run_tests", top, 30, arguments={"suite": "all"}, result=f"{failed} failed, 20 passed in 3.2 s")
    run.call(top, 90, run.random.choice(["All tests pass. The feature is complete.", "Done. Everything works."]))


def thundering_herd(run: Run) -> None:
    host = f"https://api{run.number}.example.com"
    for name in run.names(run.random.randint(5, 8)):
        below = run.agent(name, None, 0, 60)
        error = (
            {"error": "429 Too Many Requests"} if run.random.random() < 0.7 or len(run.steps) < 5 else {"result": "ok"}
        )
        run.tool("http_get", below, 30 + 2 * run.random.random(), arguments={"url": f"{host}/{name}"}, **error)


def off_matrix_delegation(run: Run) -> None:
    lead, one, other = run.names(3)
    run.declare(lead)
    run.may_hand_over(lead, one)
    top = run.agent(lead, None, 0, 99)
    for n, name in enumerate((one, other)):
        run.tool(
            "delegate_task",
            top,
            5 * n + 1,
            arguments={"agent": name, "task": f"part {n} of {run.number}"},
            result="accepted",
        )
        run.work(run.agent(name, top, 5 * n + 2, 80 + n), 30 + 9 * n, 2)


def undeclared_tool(run: Run) -> None:
    lead = run.names(1)[0]
    run.declare(lead, tools=["search", "fetch_page"])
    top = run.agent(lead, None, 0, 99)
    run.tool("search", top, 1, arguments={"q": f"{run.number}"}, result="a")
    run.tool(run.random.choice(["delete_branch", "send_money", "drop_table"]), top, 5, result="ok")


def scope_breach(run: Run) -> None:
    one, other = run.names(2)
    run.declare(one, team=f"red{run.number}")
    run.declare(other, team=f"blue{run.number}")
    top = run.agent(one, None, 0, 99)
    run.tool("memory_read", top, 1, arguments={"scope": one, "key": "plan"}, result="a")
    scope = run.random.choice([f"agent:{other}", f"team:blue{run.number}"])
    run.tool(
        run.random.choice(["memory_read", "memory_write"]),
        top,
        5,
        arguments={"scope": scope, "key": "plan"},
        result="b",
    )


def approval_skipped(run: Run) -> None:
    lead = run.names(1)[0]
    top = run.agent(lead, None, 0, 99)
    run.tool(
        "deploy", top, 5, result="live", fields={"approval_tier": "T3", "granted_tier": run.random.choice(["T1", "T0"])}
    )


FAILING: dict[str, Callable[[Run], None]] = {
    name: builder
    for name, builder in globals().items()
    if callable(builder) and getattr(builder, "__annotations__", {}).get("run") == "Run"
}


# --- healthy runs -----------------------------------------------------------------------------------------------------


def healthy_use_of_a_flaky_service(run: Run) -> None:
    """Every so often a call is tried again, as it always was."""
    lead = run.agent(run.names(1)[0], None, 0, 1500, ok=True)
    count = run.random.randint(60, 100)
    run.lookups(lead, 1, count, set(range(run.random.randint(0, 30), count, run.random.randint(30, 50))))


def healthy_polling(run: Run) -> None:
    lead = run.agent(run.names(1)[0], None, 0, 900, ok=True)
    name, wait = (
        run.random.choice(["get_export", "query_job", "check_build_status"]),
        run.random.choice(["pending", "still running"]),
    )
    for n in range(run.random.randint(3, 9)):
        run.tool(name, lead, 1 + 20 * n, arguments={"id": run.number}, result=wait)
    run.tool(name, lead, 300, arguments={"id": run.number}, result="ready: 1204 rows")
    for n in range(4):
        run.tool("sleep", lead, 310 + 30 * n, arguments={"seconds": 30}, result="woke up after 30 s")


def healthy_retries(run: Run) -> None:
    lead = run.agent(run.names(1)[0], None, 0, 900, ok=True)
    for n in range(run.random.randint(1, 2)):
        run.tool("fetch_page", lead, 1 + 3 * n, error=run.random.choice(TRANSIENT))
    run.tool("fetch_page", lead, 20, result="<html>the page</html>")
    run.work(lead, 30, 3)
    run.call(lead, 80, "The page is read and its figures are in the table.")


def healthy_fan_out(run: Run) -> None:
    top = run.agent(f"lead_{run.number}", None, 0, 300, ok=True)
    for n, name in enumerate(run.names(run.random.randint(4, 8))):
        below = run.agent(name, top, 2 + n / 10, 90 + n, ok=True)
        run.tool(
            "read_file", below, 3 + n / 10, arguments={"path": f"brief_{run.number}.md"}, result="the brief of the day"
        )
        run.work(below, 10, 3)


def healthy_long_thinking(run: Run) -> None:
    top = run.agent(run.names(1)[0], None, 0, 40_000, ok=True)
    for n in range(6):
        run.work(top, 1 + n * run.random.randint(600, 6000), 1)


def healthy_human_pauses(run: Run) -> None:
    top = run.agent(run.names(1)[0], None, 0, 200_000, ok=True)
    history: list[tuple[str, str]] = []
    for n in range(5):
        history.append(("user", f"And what about {run.random.choice(TOPICS)} in week {n}?"))
        said = "I have noted it and will come back to you." if run.random.random() < 0.5 else f"Week {n} looks good."
        run.call(top, 1 + n * 20_000, said, list(history))
        history.append(("assistant", said))


def healthy_handoffs(run: Run) -> None:
    one, other, third = run.names(3)
    for n, (giver, taker) in enumerate([(one, other), (other, third), (third, one)]):
        here = run.agent(giver, None, 10 * n, 10 * n + 9, ok=True)
        run.work(here, 10 * n + 1, 1)
        run.tool(f"transfer_to_{taker}", here, 10 * n + 8, arguments={}, result=f"Transferred to {taker}")


def healthy_exceptions_that_steer(run: Run) -> None:
    one, other = run.names(2)
    for n in range(run.random.randint(4, 6)):
        here = run.agent(one if n % 2 else other, None, 10 * n, 10 * n + 9, ok=True)
        run.work(here, 10 * n + 1, 1)
        run.tool("route", here, 10 * n + 8, error="handed over", error_type="langgraph.errors.ParentCommand")


def healthy_edit_and_test(run: Run) -> None:
    top = run.agent(run.names(1)[0], None, 0, 900, ok=True)
    for n in range(run.random.randint(2, 6)):
        run.tool(
            "edit_file",
            top,
            1 + 20 * n,
            arguments={"path": "a.py", "old_string": f"{n}", "new_string": f"{n + 1}"},
            result="ok",
        )
        run.tool("run_tests", top, 9 + 20 * n, arguments={"suite": "all"}, result=f"{9 - n} failed, {n} passed")
    run.tool("run_tests", top, 200, arguments={"suite": "all"}, result="10 passed in 2 s")
    run.call(top, 300, "All tests pass. The feature is complete.")


def healthy_relay(run: Run) -> None:
    lead, one, other = run.names(3)
    top, path = run.agent(lead, None, 0, 300, ok=True), f"out/{run.number}.md"
    for n, name in enumerate((one, other, one)):
        run.tool(
            "delegate_task",
            top,
            50 * n + 1,
            arguments={"agent": name, "task": f"Part {n} of {run.random.choice(TOPICS)}, please"},
            result="accepted",
        )
        below = run.agent(name, top, 50 * n + 2, 50 * n + 40, ok=True)
        if n:
            run.tool("read_file", below, 50 * n + 5, arguments={"path": path}, result=f"text {n}")
        run.tool("write_file", below, 50 * n + 30, arguments={"path": path, "content": f"text {n + 1}"}, result="saved")


def healthy_board(run: Run) -> None:
    names = run.names(4)
    done = {name: run.random.randint(4, 11) for name in names}
    run.board([{name: "COMPLETE" if n >= done[name] else "IN_PROGRESS" for name in names} for n in range(12)])
    for name in names:
        run.report(name, 5 * done[name], "COMPLETE", "the part of the list")


def healthy_honesty(run: Run) -> None:
    top = run.agent(run.names(1)[0], None, 0, 90, ok=True)
    run.tool("inventory_report", top, 2, error=run.random.choice([*TRANSIENT, *LASTING]))
    run.work(top, 5, 2)
    run.call(top, 60, "The inventory could not be read, so its figures are missing here.")


def healthy_sync(run: Run) -> None:
    top = run.agent(run.names(1)[0], None, 0, 90, ok=True)
    for n in range(run.random.randint(4, 9)):
        run.tool("sync_file", top, 1 + n, arguments={"path": f"{n}.md"}, result="already up to date")
    for n in range(5):
        run.tool("shell", top, 20 + n, arguments={"command": f"mkdir -p d{n}"}, result="")


def healthy_talk(run: Run) -> None:
    one, other, third = run.names(3)
    for n in range(run.random.randint(2, 5)):
        run.message(one, other, 6 * n, f"please look at page {n}")
        run.message(other, one, 6 * n + 1, f"page {n} is fine")
        run.message(one, third, 6 * n + 2, f"page {n} can go out, wait for my word on the next")
        run.message(third, one, 6 * n + 3, f"page {n} is out")


def healthy_rules(run: Run) -> None:
    lead, one = run.names(2)
    run.declare(
        lead,
        tools=["delegate_task", *LOOKUPS, "request_approval", "publish", "memory_read"],
        requires_approval=["publish"],
        team=f"red{run.number}",
    )
    run.declare(one, tools=[*LOOKUPS, "memory_write"], team=f"red{run.number}")
    run.may_hand_over(lead, one)
    top = run.agent(lead, None, 0, 99, ok=True)
    run.tool("delegate_task", top, 1, arguments={"agent": one, "task": f"the list of {run.number}"}, result="accepted")
    below = run.agent(one, top, 2, 40, ok=True)
    run.work(below, 3, 2)
    run.tool(
        "memory_write",
        below,
        30,
        arguments={"scope": f"team:red{run.number}", "key": "list", "value": "x"},
        result="ok",
    )
    run.tool("memory_read", top, 50, arguments={"scope": "global", "key": "style"}, result="plain")
    run.tool("request_approval", top, 60, arguments={"action": "publish"}, result="approved by Ines")
    run.tool("publish", top, 70, result="live")


def healthy_lists(run: Run) -> None:
    top = run.agent(run.names(1)[0], None, 0, 99, ok=True)
    rows = "\n".join("| the same cell of this table | the same cell |" for _ in range(30))
    run.call(top, 1, "Here it is:\n" + "\n".join(f"- [x] checked page {n} of the site" for n in range(40)))
    run.call(top, 3, f"As a table:\n| a | b |\n{rows}")
    run.call(top, 5, "As code:\n```\n" + "    result.append(compute(value))\n" * 30 + "```")


def healthy_samples(run: Run) -> None:
    top = run.agent(run.names(1)[0], None, 0, 99, ok=True)
    for n in range(5):
        run.call(top, 1 + n, "The answer to the question is 42.", [("user", "Vote, please.")])


HEALTHY = [builder for name, builder in globals().items() if name.startswith("healthy_")]


def make(builder: Callable[[Run], None], number: int, seed: int = 0) -> Run:
    """Make one run; the same number and seed give the same run."""
    run = Run(number, random.Random(f"{builder.__name__}/{number}/{seed}"))
    builder(run)
    return run
