"""The story of whose_job: the loans office of a museum from 7 to 18 September, who is there for what, and who does what."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from otlp_json import Span, make_id, to_json

FIRST_DAY = date(2026, 9, 7)
WORKDAYS = (0, 1, 2, 3, 4, 7, 8, 9, 10, 11)
SECOND_WEEK = date(2026, 9, 14)
MODEL = "claude-sonnet-4-5"
PROMPT = "Read the SOUL.md of your workspace, then work on what is asked. All tools of the office are at hand."


@dataclass(frozen=True)
class Work:
    """A kind of work: what is asked, the calls it takes (tool and arguments), and what is answered at the end."""

    asked: str
    calls: tuple[tuple[str, dict[str, str]], ...]
    answers: tuple[str, ...]


@dataclass
class Soul:
    """What an agent is declared to be from a day on, section by section."""

    since: date
    identity: str
    responsibilities: list[str]
    principles: list[str] = field(default_factory=list)
    boundaries: list[str] = field(default_factory=list)

    def write(self, name: str, role: str) -> str:
        """The identity file as it stands in the workspace."""
        parts = [("Identity", [self.identity]), ("Responsibilities", self.responsibilities)]
        parts += [("Decision principles", self.principles), ("Boundaries", self.boundaries)]
        head = f"---\nname: {name}\nrole: {role}\ndate: {self.since}\n---\n# SOUL.md\n"
        return head + "".join(
            f"\n## {title}\n\n" + "".join(line + "\n" if title == "Identity" else f"- {line}\n" for line in lines)
            for title, lines in parts
            if lines
        )


@dataclass
class Agent:
    """One agent: what it is declared to be, and its kinds of work."""

    name: str
    role: str
    souls: list[Soul]
    work: list[Work]
    a_day: float = 2.5


DECIDE = "Decide which objects leave the house on loan"
REGISTRAR = Soul(
    FIRST_DAY, "You keep the records of the loans office.",
    ["Record incoming and outgoing loans under their accession number", "Write condition reports when objects arrive and depart", DECIDE],
    ["What is not recorded did not happen", "When two papers disagree, believe the older one"],
    ["Never estimate the insured value of anything"],
)  # fmt: skip
REGISTRAR_2 = Soul(
    SECOND_WEEK, REGISTRAR.identity, [*REGISTRAR.responsibilities, "Book vans and crates for journeys inside the country"],
    REGISTRAR.principles, REGISTRAR.boundaries,
)  # fmt: skip

RECORD = Work(
    "Accession {n}: the loan of {thing} has {come}. Enter it.",
    (("open_folder", {"number": "{n}"}), ("record_loan", {"accession": "{n}", "direction": "{way}"})),
    ("The loan {n} is recorded, {thing} under its accession number.", "Recorded: {thing}, {way}, accession {n}."),
)
CONDITION = Work(
    "{thing} has {come}. How does it look?",
    (("open_folder", {"number": "{n}"}), ("condition_report", {"accession": "{n}", "findings": "no new damage, frame intact"})),
    ("The condition report for {thing} is written; no change since it was last seen.", "Condition of {n}: unchanged."),
)  # fmt: skip
VANS = Work(
    "{thing} goes to {town} on Thursday. See that it gets there.",
    (
        ("open_folder", {"number": "{n}"}),
        ("book_transport", {"vehicle": "van", "crates": "2", "destination": "{town}"}),
    ),
    ("A van with two crates is booked to {town}.", "Van and crates for {town} are booked; {thing} leaves on Thursday."),
)
FLIGHT = Work(
    "{thing} is wanted in {abroad}. Plan the journey.",
    (("book_transport", {"vehicle": "flight", "crates": "1", "destination": "{abroad}"}), ("customs_form", {"border": "{abroad}", "papers": "temporary export"})),
    ("The flight to {abroad} is booked and the customs papers are prepared.", "Customs form for {abroad} prepared, one crate on the flight."),
)  # fmt: skip
INSURE = Work(
    "{thing} travels soon. What is it worth, and is it insured?",
    (("auction_prices", {"like": "{thing}"}), ("request_certificate", {"underwriter": "Albion Mutual", "insured_value": "{money}"})),
    ("The insured value is estimated at {money} from three auction prices; the certificate of the underwriter has come.",
     "Certificate obtained from Albion Mutual, insured value {money}."),
)  # fmt: skip
CHOOSE = Work(
    "Which pieces for the room about {theme}?",
    (("search_collection", {"theme": "{theme}"}), ("propose_hanging", {"exhibition": "{theme}", "choose": "{thing}"})),
    ("For the exhibition about {theme} I choose {thing}. Registrar will record the loan.", "{thing} is my choice for the exhibition; the wall label follows."),
)  # fmt: skip
LABEL = Work(
    "We need words beside {thing}.",
    (
        ("search_collection", {"theme": "{thing}"}),
        ("draft_label", {"wall": "north", "label": "{thing}, bought in 1911"}),
    ),
    ("The wall label for {thing} is drafted.", "Label drafted, forty words, for the north wall."),
)
RELEASE = Work(
    "Tell the papers about the room on {theme}.",
    (("read_mail", {"folder": "press"}), ("draft_release", {"press": "release", "about": "{theme}"})),
    (
        "The press release about {theme} is written.",
        "Written: a press release on {theme}, one page. Treasurer has the printer's invoice.",
    ),
)
QUESTION = Work(
    "A journalist of the {paper} asks how old {thing} is.",
    (
        ("read_mail", {"folder": "press"}),
        ("reply_mail", {"journalist": "{paper}", "answer": "about four hundred years"}),
    ),
    ("The journalist of the {paper} has an answer to the question.", "Answered: the {paper} knows the age now."),
)
NEWSLETTER = Work(
    "The newsletter is due.",
    (("read_mail", {"folder": "press"}), ("draft_newsletter", {"month": "October", "lead": "{theme}"})),
    ("The monthly newsletter is written, {theme} first.", "Newsletter for October written."),
)
BILL = Work(
    "The leaflets about {theme} must be in the foyer by Friday.",
    (("check_invoice", {"printer": "Marlow Press", "order": "leaflets {theme}"}), ("pay_invoice", {"to": "Marlow Press", "amount": "{bill}", "invoice": "{n}"}),
     ("update_budget", {"exhibition": "{theme}", "spent": "{bill}"})),
    ("The printer wanted his money first: I checked his invoice against the order, paid it and entered it in the budget.",
     "Paid {bill} to the printer, so the leaflets come on time; budget updated."),
)  # fmt: skip
PAY = Work(
    "A bill of {bill} has come for the room about {theme}.",
    (("check_invoice", {"order": "{theme}", "number": "{n}"}), ("pay_invoice", {"amount": "{bill}", "invoice": "{n}"})),
    ("Invoice {n} agrees with the order and is paid.", "The invoice was checked against the order and paid, {bill}."),
)
BUDGET = Work(
    "How much is left for the room about {theme}?",
    (("read_ledger", {"exhibition": "{theme}"}), ("update_budget", {"exhibition": "{theme}", "left": "{money}"})),
    ("The budget of the exhibition is up to date: {money} are left.", "Budget of {theme} updated."),
)
ARCHIVE = Work(
    "The loan {n} is closed.",
    (("open_folder", {"number": "{n}"}), ("file_document", {"shelf": "closed loans", "number": "{n}"})),
    ("{n} stands on its shelf.",),
)

AGENTS = [
    Agent("Registrar", "keeper of records", [REGISTRAR, REGISTRAR_2], [RECORD, CONDITION, RECORD]),
    Agent(
        "Courier", "transport",
        [Soul(FIRST_DAY, "You move things from one place to another, unharmed.",
              ["Book vans, crates and flights for objects that travel", "Prepare customs papers for borders"],
              boundaries=["Never open a crate before a registrar is present"])],
        [VANS, FLIGHT, FLIGHT],
    ),
    Agent(
        "Assessor", "insurance",
        [Soul(FIRST_DAY, "You see that nothing travels without insurance.",
              ["Obtain certificates from the underwriter", "Estimate the insured value from auction prices"],
              ["Three prices are an estimate, one is a rumour"], ["Never sign a policy"])],
        [INSURE], 2.0,
    ),
    Agent(
        "Curator", "exhibitions",
        [Soul(FIRST_DAY, "You make exhibitions that people remember.",
              ["Choose pieces for exhibitions and plan the hanging", "Draft the labels on the wall", DECIDE],
              ["One room, one thought"], ["Never promise an object by telephone"])],
        [CHOOSE, LABEL],
    ),
    Agent(
        "Herald", "press",
        [Soul(FIRST_DAY, "You tell the world what can be seen in the house.",
              ["Write press releases and the monthly newsletter", "Answer the questions of journalists"],
              ["Say what is there to be seen, not what it cost"], ["Never pay an invoice"])],
        [RELEASE, QUESTION, NEWSLETTER], 3.0,
    ),
    Agent(
        "Treasurer", "money",
        [Soul(FIRST_DAY, "You hold the purse of the house.",
              ["Check each invoice against its order and pay it when it is due", "Update the budget of each exhibition"],
              ["Pay on the last day that is free of charge"], ["Never write to journalists"])],
        [PAY, BUDGET],
    ),
    Agent(
        "Archivist", "archive",
        [Soul(FIRST_DAY, "You know where everything is.", ["File closed loans where they can be found"],
              ["A thing has one place"], ["Never throw a paper away"])],
        [ARCHIVE], 0.3,
    ),
]  # fmt: skip
# How likely a task of Herald is a printer's bill, by workday: the drift.
BILLS = (0.0, 0.0, 0.0, 0.0, 0.1, 0.3, 0.4, 0.6, 0.7, 0.8)
THINGS = ("the silver ewer", "the portrait of a glover", "the sea chart", "the ivory chess set", "the green tapestry")
TOWNS, ABROAD = ("Harwick", "Dunmere", "Stowe Abbey"), ("Ghent", "Bergen", "Basel")
THEMES, PAPERS = ("salt", "maps and liars", "winter"), ("Harwick Mercury", "Evening Post", "Northern Review")


@dataclass
class Task:
    """One task: whose, what, and when (nanoseconds since 1970)."""

    agent: Agent
    work: Work
    start: int
    seed: str


def tasks_of_day(workday: int) -> list[Task]:
    """Return the tasks of a workday in time order."""
    offset = WORKDAYS[workday]
    morning = datetime.combine(FIRST_DAY + timedelta(days=offset), datetime.min.time(), UTC) + timedelta(hours=8)
    tasks = []
    for agent in AGENTS:
        rng = random.Random(f"{agent.name}/{offset}")
        count = int(agent.a_day) + (rng.random() < agent.a_day % 1)
        for start in sorted(int(morning.timestamp() * 1e9) + int(rng.random() * 9 * 3600e9) for _ in range(count)):
            work = choose_work(agent, workday, rng)
            tasks.append(Task(agent, work, start, f"{agent.name}/{start}"))
    return sorted(tasks, key=lambda task: task.start)


def choose_work(agent: Agent, workday: int, rng: random.Random) -> Work:
    """Return what the next task is: mostly its own work; Herald pays more and more bills; Registrar books vans once it may."""
    if agent.name == "Herald" and rng.random() < BILLS[workday]:
        return BILL
    if agent.name == "Registrar" and WORKDAYS[workday] >= 7 and rng.random() < 0.4:
        return VANS
    return rng.choice(agent.work)


def play_task(task: Task) -> list[Span]:
    """Return the spans of one task: the run, its model calls and its tool calls between them."""
    rng = random.Random(task.seed)
    words = draw_words(rng)
    trace, about = make_id(32, "whose_job", task.seed), {"gen_ai.agent.name": task.agent.name}
    clock, spans = task.start + 30_000_000, []
    said: list[dict[str, object]] = [message("user", {"type": "text", "content": task.work.asked.format(**words)})]
    for number, (tool, wanted) in enumerate(task.work.calls):
        call_id = make_id(12, trace, number)
        arguments = {key: value.format(**words) for key, value in wanted.items()}
        part: dict[str, object] = {"type": "tool_call", "id": call_id, "name": tool, "arguments": arguments}
        spans.append(call_model(trace, number, about, said, part, clock, rng))
        clock = spans[-1].end + 4_000_000
        spans.append(call_tool(trace, number, about, part, clock, rng))
        clock = spans[-1].end + 4_000_000
        answer = {
            "type": "tool_call_response",
            "id": call_id,
            "response": spans[-1].attributes["gen_ai.tool.call.result"],
        }
        said = [*said, message("assistant", part), message("tool", answer)]
    last = {"type": "text", "content": rng.choice(task.work.answers).format(**words)}
    spans.append(call_model(trace, len(task.work.calls), about, said, last, clock, rng))
    run = Span(trace, make_id(16, trace, "run"), None, f"invoke_agent {task.agent.name}", "INTERNAL", task.start,
               spans[-1].end + 2_000_000, about | {"gen_ai.operation.name": "invoke_agent"}, "OK")  # fmt: skip
    return [run, *spans]


def draw_words(rng: random.Random) -> dict[str, str]:
    """Return what a task is about: a thing, a town, an amount."""
    come, way = rng.choice((("arrived", "incoming"), ("departed", "outgoing")))
    return {
        "n": str(rng.randint(1_000, 9_999)), "thing": rng.choice(THINGS), "come": come, "way": way, "town": rng.choice(TOWNS),
        "abroad": rng.choice(ABROAD), "money": f"{rng.randint(12, 90)},000", "theme": rng.choice(THEMES),
        "paper": rng.choice(PAPERS), "bill": f"{rng.randint(120, 900)}.50",
    }  # fmt: skip


def message(role: str, part: dict[str, object]) -> dict[str, object]:
    """One message of one part, as the conventions have it."""
    return {"role": role, "parts": [part]}


def call_model(trace: str, number: int, about: dict[str, str], said: list[dict[str, object]], part: dict[str, object],
               start: int, rng: random.Random) -> Span:  # fmt: skip
    """Return a model call: what stood in its window and what it answered."""
    tokens_in, tokens_out = len(to_json(said)) // 4 + 240, len(to_json(part)) // 4 + 6
    end = start + int((0.6 + tokens_out / 60) * rng.lognormvariate(0, 0.2) * 1e9)
    return Span(trace, make_id(16, trace, "chat", number), make_id(16, trace, "run"), f"chat {MODEL}", "CLIENT", start, end, about | {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": MODEL, "gen_ai.response.model": MODEL,
        "gen_ai.usage.input_tokens": tokens_in, "gen_ai.usage.output_tokens": tokens_out,
        "gen_ai.system_instructions": to_json([{"type": "text", "content": PROMPT}]), "gen_ai.input.messages": to_json(said),
        "gen_ai.output.messages": to_json([message("assistant", part) | {"finish_reason": "stop" if part["type"] == "text" else "tool_call"}]),
    })  # fmt: skip


def call_tool(
    trace: str, number: int, about: dict[str, str], part: dict[str, object], start: int, rng: random.Random
) -> Span:
    """Return the tool call that a model asked for; every tool of this house works."""
    tool = str(part["name"])
    return Span(trace, make_id(16, trace, "tool", number), make_id(16, trace, "run"), f"execute_tool {tool}", "INTERNAL", start,
                start + int(0.4 * rng.lognormvariate(0, 0.3) * 1e9), about | {
                    "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": tool, "gen_ai.tool.call.id": str(part["id"]),
                    "gen_ai.tool.call.arguments": to_json(part["arguments"]),
                    "gen_ai.tool.call.result": f"done, slip {rng.randint(10_000, 99_999)}",
                }, "OK")  # fmt: skip
