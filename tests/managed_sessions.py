"""Sessions of Managed Agents, written event by event."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Event = dict[str, Any]
AGENT = {
    "id": "agent_1", "name": "Lead", "version": 3, "system": "You lead.", "model": {"id": "claude-sonnet-4-5"},
    "tools": [{"type": "custom", "name": "look"}],
}  # fmt: skip
SESSION = {
    "type": "session", "id": "sesn_1", "agent": AGENT, "environment_id": "env_1", "created_at": "2026-01-01T00:00:00Z",
    "usage": {"input_tokens": 0, "output_tokens": 0, "cache_read_input_tokens": 0},
}  # fmt: skip


class Log:
    """Events of one thread, one a second."""

    def __init__(self, thread: str = "sthr_1", agent: str = "Lead", start: int = 0) -> None:
        self.events: list[Event] = []
        self._thread, self._agent, self._start = thread, agent, start

    def add(self, kind: str, **fields: Any) -> str:
        number = self._start + len(self.events)
        event_id = fields.pop("id", f"sevt_{self._thread}_{number}")
        at = f"2026-01-01T00:{number // 60:02}:{number % 60:02}Z"
        self.events.append({"id": event_id, "type": kind, "processed_at": at, **fields})
        return str(event_id)

    def wait(self, seconds: int) -> None:
        self._start += seconds

    def running(self) -> None:
        self.add("session.thread_status_running", session_thread_id=self._thread, agent_name=self._agent)

    def idle(self, reason: str = "end_turn", **fields: Any) -> None:
        self.add(
            "session.thread_status_idle", session_thread_id=self._thread, agent_name=self._agent, stop_reason={"type": reason}, **fields
        )  # fmt: skip

    def ask(self, said: str) -> None:
        self.add("user.message", content=text(said))

    def call(
        self, *said: tuple[str, Event], usage: tuple[int, int, int, int] = (2, 5, 100, 10), is_error: bool = False
    ) -> list[str]:
        start = self.add("span.model_request_start")
        ids = [self.add(kind, **fields) for kind, fields in said]
        plain, output, read_tokens, written = usage
        model_usage = {
            "input_tokens": plain, "output_tokens": output, "cache_read_input_tokens": read_tokens,
            "cache_creation_input_tokens": written,
        }  # fmt: skip
        self.add("span.model_request_end", model_request_start_id=start, model_usage=model_usage, is_error=is_error)
        return ids


def text(said: str) -> list[Event]:
    return [{"type": "text", "text": said}]


def message(said: str) -> tuple[str, Event]:
    return "agent.message", {"content": text(said)}


def tool(name: str = "look", kind: str = "tool_use", **fields: Any) -> tuple[str, Event]:
    return f"agent.{kind}", {"name": name, "input": {"at": "x"}, **fields}


def simple(log: Log | None = None) -> Log:
    """A question, a tool of each kind, an answer."""
    log = log or Log()
    log.running()
    log.ask("go")
    built_in, mcp, custom = log.call(
        tool("bash"), tool("search", "mcp_tool_use", mcp_server_name="exa"), tool("look", "custom_tool_use")
    )
    log.add("agent.tool_result", tool_use_id=built_in, content=text("done"), is_error=False)
    log.add("agent.mcp_tool_result", mcp_tool_use_id=mcp, content=text("not found"), is_error=True)
    log.idle("requires_action", event_ids=[custom])
    log.add("user.custom_tool_result", custom_tool_use_id=custom, content=text("seen"), is_error=False)
    log.running()
    log.call(message("It is done."))
    log.idle()
    return log


def recorded(events: Iterable[Event], session: Event = SESSION) -> list[Any]:
    return [["client.beta.sessions.create", session], *(["client.beta.sessions.events.stream", e] for e in events)]


def team() -> tuple[list[Event], list[Event]]:
    """The events of a session, and those of the thread of its sub-agent."""
    lead, scout = Log(), Log("sthr_2", "Scout", 4)
    lead.running()
    lead.ask("go")
    lead.add("session.thread_created", session_thread_id="sthr_2", agent_name="Scout")
    lead.call(
        (
            "agent.thread_message_sent",
            {"to_session_thread_id": "sthr_2", "to_agent_name": "Scout", "content": text("look")},
        )
    )
    lead.add("session.thread_status_running", session_thread_id="sthr_2", agent_name="Scout")
    scout.running()
    scout.add("agent.thread_message_received", from_session_thread_id="sthr_1", content=text("look"))
    scout.call(tool("bash"), usage=(1, 1, 0, 0))
    scout.call(
        ("agent.thread_message_sent", {"to_session_thread_id": "sthr_1", "content": text("found")}), usage=(1, 1, 0, 0)
    )
    scout.idle()
    lead.wait(20)
    lead.add(
        "session.thread_status_idle", session_thread_id="sthr_2", agent_name="Scout", stop_reason={"type": "end_turn"}
    )
    lead.add(
        "agent.thread_message_received", from_session_thread_id="sthr_2", from_agent_name="Scout", content=text("found")
    )
    lead.call(message("It was found."))
    lead.idle()
    return lead.events, scout.events
