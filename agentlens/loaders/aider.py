"""Aider's chat history (`.aider.chat.history.md`): many sessions in one file, prompts, answers and console output."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from agentlens._evidence import Evidence, Message
from agentlens._source import Source
from agentlens._visible import plural
from agentlens.dialects.messages import text_part
from agentlens.loaders import specstory
from agentlens.loaders._sections import TextLine, place_of, text_lines
from agentlens.loaders._times import parse_date, parse_time

LOOKS_FOR = "a line `# aider chat started at 2024-08-05 19:33:02`"
CANNOT_KNOW = (
    "when a prompt was sent (only when its session began, in local time), durations, ids, and token counts written "
    "rounded (`3.5k sent`)"
)
VERSION = 3

MARK = b"# aider chat started at "
_HEADER = re.compile(r"# aider chat started at (.+?)\s*")
_MODEL = re.compile(r"> (?:Main model|Models?): (\S+?)⚡? with ")
_MONEY = r"Cost: \$([\d.,]+) (?:request|message), (?:\$([\d.,]+) session)?.*"
_TOKENS = re.compile(rf"> Tokens: (.+? sent, .{{0,60}}?received)(?:, [a-z ]{{1,60}})?\.(?: {_MONEY})?\s*")
_COST = re.compile(_MONEY)
_TALK = re.compile(r"(?!/)|/(?:ask|code|architect|context|help)\b")
_EXACT = re.compile(r"([\d,]+) sent(?:, ([\d,]+) cache write)?(?:, ([\d,]+) cache hit)?, ([\d,]+) received")
_ROUNDED = re.compile(r"([\d.,]+)(k?) (sent|cache write|cache hit|cached|received)")
_FENCE = re.compile(r"(`{3,}|~{3,})")


@dataclass
class Exchange:
    """What stands between two prompts: the prompt's lines, and everything after them."""

    prompt: list[TextLine] = field(default_factory=list)
    rest: list[TextLine] = field(default_factory=list)


@dataclass
class Session:
    """One run of aider; the first exchange has no prompt and holds what is printed at the start."""

    header: TextLine | None
    exchanges: list[Exchange] = field(default_factory=lambda: [Exchange()])


def sniff(head: bytes) -> bool:
    """Whether a session begins within the head."""
    return (head.startswith(MARK) or b"\n" + MARK in head) and not specstory.sniff(head)


def load(source: Source, into: Evidence) -> None:
    """Add each session as a document and a trace: a section for each prompt, a span for each answer of the model.

    Each section is a record.
    """
    into.note_missing("Times are the local time of an unknown zone; they are taken as UTC.")
    damaged: list[int] = []
    with source.open() as stream:
        _load_sessions(_split(text_lines(stream, damaged)), into)
    if damaged:
        into.note_missing(
            f"Replacement characters stand for bytes that are no UTF-8, in {plural(len(damaged), 'line')}."
        )


def _load_sessions(sessions: Iterable[Session], into: Evidence) -> None:
    """Add sessions one by one: a file holds all sessions of a folder since aider was first run in it."""
    met: Counter[str] = Counter()
    for session in sessions:
        if session.header is None:
            into.note_missing("The file begins within a session; when that began is not known.")
        start = session.header.text.strip() if session.header else "begins within a session"
        met[start] += 1
        _add_session(session, f"aider:{_digest(start, str(met[start]))}", into)


# --- sessions and prompts ---------------------------------------------------------------------------------------------


def _split(lines: Iterable[TextLine]) -> Iterator[Session]:
    """Yield the sessions. Prompts end in two spaces, which tells them from headings in answers."""
    session, fence = Session(None), ""
    for line in lines:
        text = line.text.rstrip("\r")
        if _HEADER.fullmatch(text):
            if _has_text(session):
                yield session
            session, fence = Session(line), ""
        elif text.startswith("#### ") and text.endswith("  "):
            fence = ""
            if session.exchanges[-1].rest or not session.exchanges[-1].prompt:
                session.exchanges.append(Exchange())
            session.exchanges[-1].prompt.append(line)
        else:
            fence = _after(fence, text)
            session.exchanges[-1].rest.append(line)
    if _has_text(session):
        yield session


def _has_text(session: Session) -> bool:
    return session.header is not None or any(_lines(exchange) for exchange in session.exchanges)


def _lines(exchange: Exchange) -> list[TextLine]:
    lines = exchange.prompt + exchange.rest
    return lines if any(line.text.strip() for line in lines) else []


def _after(fence: str, text: str) -> str:
    """Return the fence that is open after a line."""
    found = _FENCE.match(text)
    if not found:
        return fence
    return found[1] if not fence else "" if found[1].startswith(fence) and not text.strip(" `~") else fence


# --- rows -------------------------------------------------------------------------------------------------------------


def _add_session(session: Session, trace_id: str, into: Evidence) -> None:
    started = _HEADER.fullmatch(session.header.text) if session.header else None
    time, title = (parse_time(started[1]), started[0][2:].strip()) if started else (None, None)
    top = [session.header] if session.header else []
    whole, _ = place_of(top + [line for exchange in session.exchanges for line in _lines(exchange)])
    into.see_time(time)
    into.add(
        "documents", whole, document_id=trace_id, kind="session", title=title, agent_name="aider",
        date=parse_date(title or ""),
    )  # fmt: skip
    root_id = _digest(trace_id, "session")
    model, cost, index = None, None, 0
    for number, exchange in enumerate(session.exchanges):
        lines = (top if number == 0 else []) + _lines(exchange)
        if not lines:
            continue
        into.record()
        into.accept()
        _add_section(exchange, lines, trace_id, index, title, time if number == 0 else None, into)
        index += 1
        model = next((found[1] for line in lines if (found := _MODEL.match(line.text))), model)
        cost = _add_calls(exchange, trace_id, root_id, model, into) or cost
    place, _ = place_of(top or next(filter(None, map(_lines, session.exchanges))))
    into.add_span(
        place, trace_id=trace_id, span_id=root_id, name="aider session", operation_name="invoke_agent",
        agent_name="aider", conversation_id=trace_id, start_time=time, attributes={"session_cost_usd": cost} if cost else None,
    )  # fmt: skip


def _add_section(
    exchange: Exchange,
    lines: list[TextLine],
    trace_id: str,
    index: int,
    title: str | None,
    time: int | None,
    into: Evidence,
) -> None:
    place, end_line = place_of(lines)
    prompt = _prompt(exchange)
    path = [part for part in (title, prompt.split("\n")[0][:200] if prompt else None) if part]
    into.add(
        "sections", place, document_id=trace_id, section_index=index, heading_path=path, level=len(path),
        agent_name="aider", time=time, text="\n".join(line.text.rstrip() for line in exchange.rest).strip("\n") or None,
        source_end_line=end_line,
    )  # fmt: skip
    into.hold(2 * place.length)


def _prompt(exchange: Exchange) -> str:
    return "\n".join(line.text.removeprefix("#### ").rstrip() for line in exchange.prompt).strip("\n")


def _add_calls(exchange: Exchange, trace_id: str, root_id: str, model: str | None, into: Evidence) -> str | None:
    """Add a model call for each answer, which ends with its line of tokens, or with the exchange.

    Return what the session had cost by then, as printed.
    """
    prompt, session_cost = _prompt(exchange), None
    told: list[Message] = [("user", None, [text_part(prompt)])] if prompt and not prompt.startswith("/") else []
    for lines, usage in _answers(exchange):
        said = "\n".join(line.text for line in lines if line.text not in usage).strip()
        place, _ = place_of(lines)
        span_id = _digest(trace_id, prompt, said, str(place.line), str(place.offset))
        into.add_span(
            place, trace_id=trace_id, span_id=span_id, parent_span_id=root_id, operation_name="chat",
            name=f"chat {model}" if model else "chat", agent_name="aider", conversation_id=trace_id,
            request_model=model, **_usage(usage),
        )  # fmt: skip
        into.add_messages(place, trace_id, span_id, "input", told)
        into.add_messages(place, trace_id, span_id, "output", [("assistant", None, [text_part(said)])] if said else [])
        told, session_cost = [], _amounts(usage)[1] or session_cost
    return session_cost


def _answers(exchange: Exchange) -> Iterator[tuple[list[TextLine], list[str]]]:
    """Yield the lines of each answer with what it says of its tokens and cost; console output is left out.

    Text without a line of tokens is an answer when it follows a prompt that goes to the model.
    """
    answer: list[TextLine] = []
    usage: list[str] = []
    fence = ""
    for line in exchange.rest:
        if usage and _COST.fullmatch(line.text):
            usage.append(line.text)
            answer.append(line)
            continue
        if usage:
            yield answer, usage
            answer, usage = [], []
        if _TOKENS.fullmatch(line.text):
            usage, fence = [line.text], ""
            answer.append(line)
        elif fence or not line.text.startswith(">"):
            fence = _after(fence, line.text)
            answer.append(line)
    is_talk = exchange.prompt and _TALK.match(_prompt(exchange))
    if usage or (is_talk and any(line.text.strip() for line in answer)):
        yield answer, usage


def _usage(lines: list[str]) -> dict[str, Any]:
    """Return what the lines below an answer say: the cost, the counts (between which numbers, when rounded), and their text."""
    found = _TOKENS.fullmatch(lines[0]) if lines else None
    if found is None:
        return {}
    said: dict[str, Any] = {"attributes": {"tokens": found[1]}}
    if cost := _amounts(lines)[0]:
        said["reported_cost_usd"] = _dollars(cost)
    if exact := _EXACT.fullmatch(found[1]):
        said |= _counts(*(None if count is None else _int(count) for count in exact.groups()))
    else:
        said["attributes"] |= _counts_between(found[1])
    return said


def _amounts(lines: list[str]) -> tuple[str | None, str | None]:
    """Return what the message and what the session cost so far, as printed: beside the counts, or on a line of its own."""
    found = _TOKENS.fullmatch(lines[0]) if lines else None
    later = _COST.fullmatch(lines[1]) if len(lines) > 1 else None
    message, session = (found[2], found[3]) if found and found[2] else (later[1], later[2]) if later else (None, None)
    return message, session.replace(",", "") if session and _dollars(session) is not None else None


def _counts_between(text: str) -> dict[str, Any]:
    """Return between which numbers the counts lie: `3.5k` is 3,450 to 3,550, and older versions do not say whether
    `cached` tokens were read or written, nor whether they are among the sent ones.
    """
    told = _ROUNDED.findall(text)
    parts = {name: each for digits, unit, name in told if (each := _between(digits, unit)) is not None}
    if len(parts) < len(told) or not {"sent", "received"} <= parts.keys():
        return {}
    low, high = parts["sent"]
    cached = [each for name, each in parts.items() if name.startswith("cache")]
    least, most = sum(each[0] for each in cached), sum(each[1] for each in cached)
    is_known = "cached" not in parts
    low += least if is_known and least > high else 0
    high += 0 if is_known and most <= parts["sent"][0] else most
    return {"input_tokens_between": [low, high], "output_tokens_between": list(parts["received"])}


def _between(digits: str, unit: str) -> tuple[int, int] | None:
    """Return the least and the most that a printed count can stand for; None when it is no number."""
    if not unit:
        exact = _int(digits)
        return None if exact is None else (exact, exact)
    if not re.fullmatch(r"\d{1,9}(?:\.\d)?", digits):
        return None
    half = 50 if "." in digits else 500
    middle = round(float(digits) * 1000)
    return middle - half, middle + half


def _counts(sent: int | None, written: int | None, hit: int | None, received: int | None) -> dict[str, Any]:
    """Return the token columns. Versions differ in whether cached tokens are among the sent ones: more cached than sent
    cannot be.
    """
    cached = (written or 0) + (hit or 0)
    total = None if sent is None else sent + cached if cached > sent else sent
    return {
        "input_tokens": total,
        "output_tokens": received,
        "cache_write_input_tokens": written,
        "cache_read_input_tokens": hit,
    }


def _dollars(text: str) -> float | None:
    digits = text.replace(",", "").rstrip(".")
    return float(digits) if re.fullmatch(r"\d{1,12}(?:\.\d{1,12})?|\.\d{1,12}", digits) else None


def _int(text: str) -> int | None:
    digits = text.replace(",", "")
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 19 else None


def _digest(*parts: str) -> str:
    return hashlib.blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=8).hexdigest()
