"""Conversation: one agent's story as a transcript, and the window of every model call."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import duckdb
import numpy as np
import traitlets

from agentlens._catalog import quote
from agentlens._errors import AgentLensError
from agentlens._lens import Lens
from agentlens.explorers._conversation_story import (
    Row,
    Scope,
    estimate_tokens,
    read_lost_values,
    read_story,
    read_windows,
)
from agentlens.explorers._conversation_texts import AT_ONCE, TOOL, read_texts, size_of
from agentlens.explorers._explorer import STATIC, Embedded, Explorer, load_question

MOST_STORIES = 1_000
# What the page has before it asks: texts of so many bytes in all, each cut at so many characters.
FIRST_TEXTS = 300_000
TEXT_LIMIT = 6_000
# What a report carries: the windows of so many calls, and texts of so many bytes in all, each cut.
EMBEDDED_CALLS = 500
EMBEDDED_TEXTS = 3_000_000
EMBEDDED_LIMIT = 4_000
EMBEDDED_RUNS = 30
# Of a message, so many pieces with their origins; and for so many messages in a report.
MOST_PIECES = 8
EMBEDDED_PIECES = 2_000


class Conversation(Explorer):
    """One agent's story as a transcript, and the exact window of each model call: what came, what stayed, what was lost.

    `agent` and `conversation_id` pick the story, `trace_id` narrows it to one trace; all three can be picked in the widget.
    Left open, the story whose window shrank most is shown, at the call where it shrank. `.rows()` are the blocks of the window
    on screen (`context_strata`), `.selection` is the span of its call; set it to any span, and the call it belongs to opens.

    Raises AgentLensError when nothing in the lens fits.
    """

    _esm = STATIC / "conversation.js"
    _css = STATIC / "conversation.css"
    _story = traitlets.Dict().tag(sync=True)
    _windows = traitlets.Bytes().tag(sync=True)
    _texts = traitlets.Dict().tag(sync=True)
    _picks = traitlets.List(traitlets.Dict()).tag(sync=True)
    _pick = traitlets.Dict().tag(sync=True)
    _call = traitlets.Int(-1).tag(sync=True)

    def __init__(
        self, lens: Lens, agent: str | None = None, conversation_id: str | None = None, trace_id: str | None = None
    ) -> None:
        super().__init__(lens)
        given = {"agent": agent, "conversation": conversation_id, "trace": trace_id}
        found = self.ask(load_question("conversation_list"), given | {"most": MOST_STORIES})
        if not found and any(value is not None for value in given.values()):
            said = ", ".join(f"{name} {value!r}" for name, value in given.items() if value is not None)
            raise AgentLensError(
                f"The lens has no model call with {said}. "
                '`lens.sql("SELECT DISTINCT agent_name, conversation_id, trace_id FROM llm_calls")` lists what it has.'
            )
        others = dict.fromkeys(given) | {"most": MOST_STORIES}
        self._picks = self.ask(load_question("conversation_list"), others)
        self._spans: list[str] = []
        self._scope = Scope(None, "")
        if found:
            self._open(Scope(found[0]["agent_name"], found[0]["conversation_id"], trace_id))
        self.on_msg(self._receive)

    @property
    def sql(self) -> str:
        """The question on screen: the window of the chosen call, else all windows of the story."""
        scope, call = self._scope, self._chosen()
        agent = "NULL" if scope.agent is None else quote(scope.agent)
        wanted = {"trace_id": call["trace_id"], "span_id": call["span_id"]} if call else {"trace_id": scope.trace}
        conditions = [f"{name} = {quote(value)}" for name, value in wanted.items() if value is not None]
        where = ["WHERE " + " AND ".join(conditions)] if conditions else []
        source = f"FROM context_strata(agent := {agent}, conversation := {quote(scope.conversation)})"
        return "\n".join([source, *where, "ORDER BY call_index, place"])

    def rows(self) -> duckdb.DuckDBPyRelation:
        """Return the blocks of the window on screen, with those that fell out of it, in order (`context_strata`)."""
        return super().rows()

    def embed(self) -> Embedded:
        """Return the story as a report carries it; what does not fit is left out, and said in its notes."""
        state: dict[str, Any] = {
            "_texts": {},
            "_picks": [],
            "_pick": self._pick,
            "_call": self._call,
            "_sql": self._sql,
            "_lacks": self._lacks,
            "_pieces": {},
        }
        if not self._story:
            return Embedded("conversation", state | {"_story": {}}, {"_windows": b""}, {})
        kept = max(EMBEDDED_CALLS, self._call + 1)
        windows, packed = self._frames.until(kept).pack()
        texts, runs, notes = self._embed_texts(), self._embed_runs(), list(self._story["notes"])
        for held, whole, what in (
            (min(kept, len(self._spans)), len(self._spans), "windows of the first {} of {} calls"),
            (len(texts), len(self._keys()), "texts of {} of {} messages and tool calls"),
            (len(runs), len(self._story["runs"]), "stories of {} of {} runs of other agents"),
        ):
            if held < whole:
                notes.append(f"This report holds the {what.format(f'{held:,}', f'{whole:,}')}; the lens has all.")
        story = self._story | {"notes": notes, "windows": windows}
        state["_pieces"] = self._trace([message["key"] for message in self._story["messages"]][:EMBEDDED_PIECES])
        return Embedded("conversation", state | {"_story": story}, {"_windows": packed}, texts | runs)

    def summary(self) -> str:
        """Whose story it shows, and how many calls it has."""
        if not self._story:
            return "no model calls"
        calls = len(self._story["calls"])
        return (
            f"{self._scope.agent or 'no agent'} in {self._scope.conversation}: {calls:,} model call{'s' * (calls != 1)}"
        )

    def _open(self, scope: Scope, span_id: str | None = None) -> None:
        """Show a story at a call; without one, at the call where its window shrank most."""
        story = read_story(self.ask, scope)
        self._frames = read_windows(self.ask, scope, story)
        directory, packed = self._frames.pack()
        story |= {"windows": directory, "lost": {}, "notes": [], "tokens": estimate_tokens(story, self._frames)}
        if (self._frames.change > 1).any():
            story["lost"] = read_lost_values(self.ask, scope, story)
        self._scope, self._spans = scope, [call["span_id"] for call in story["calls"]]
        call = self._spans.index(span_id) if span_id in self._spans else _first_shown(story)
        with self.hold_sync():
            self._pick = {"agent": scope.agent, "conversation": scope.conversation, "trace": scope.trace}
            self._texts = self._read_first(story, call)
            self._story, self._windows = story, packed
            self._call = call
        self._adopt_call({"new": call})

    def _chosen(self) -> Row | None:
        calls = self._story.get("calls", [])
        return calls[self._call] if 0 <= self._call < len(calls) else None

    def _keys(self) -> list[str]:
        """Return the keys of all texts of the story: messages, then tool calls."""
        tools = [f"{TOOL}{tool['preorder']}" for tool in self._story.get("tools", [])]
        return [message["key"] for message in self._story.get("messages", [])] + tools

    def _read_first(self, story: Row, call: int) -> Row:
        """Return the texts that are seen first: those around the call on screen, then from the beginning."""
        near = self._frames.message[(self._frames.call + 1 >= call) & (self._frames.call <= call + 1)]
        keys = [story["messages"][place]["key"] for place in dict.fromkeys(near.tolist())]
        keys += [message["key"] for message in story["messages"]]
        return self._take(keys, FIRST_TEXTS, TEXT_LIMIT)

    def _take(self, keys: Iterable[str], budget: int, limit: int) -> Row:
        """Return texts in the given order until the budget is spent."""
        wanted = list(dict.fromkeys(keys))
        taken: Row = {}
        for start in range(0, len(wanted), AT_ONCE):
            texts = read_texts(self.ask, wanted[start : start + AT_ONCE], limit)
            for key in wanted[start : start + AT_ONCE]:
                parts = texts.get(key, [])
                budget -= size_of(parts)
                if budget < 0:
                    return taken
                taken[key] = parts
        return taken

    def _embed_texts(self) -> Row:
        """Return the texts that a report carries: first those of windows that lost something, then all in order."""
        lossy = {cut["call"] for cut in self._story["cuts"]} | {self._call}
        frames, messages = self._frames, self._story["messages"]
        news = np.isin(frames.call, list(lossy)) & (frames.change > 0)
        near = [messages[place]["key"] for place in frames.message[news].tolist()]
        return self._take([*near, *self._keys()], EMBEDDED_TEXTS, EMBEDDED_LIMIT)

    def _embed_runs(self) -> Row:
        """Return the stories of the first runs of other agents, by `run:<preorder>`."""
        return {
            f"run:{run['preorder']}": self._tell_run(run["preorder"]) for run in self._story["runs"][:EMBEDDED_RUNS]
        }

    def _tell_run(self, run: int) -> Row:
        """Return the story of a run of another agent, with its texts; nothing where no model was called in it."""
        found = self.ask(load_question("conversation_of_run"), {"run": run})
        if not found:
            return {"calls": [], "messages": [], "tools": [], "runs": [], "texts": {}}
        about = found[0]
        scope = Scope(about["agent_name"], about["conversation_id"], None, run, about["subtree_end"])
        story = read_story(self.ask, scope)
        keys = [message["key"] for message in story["messages"]] + [
            f"{TOOL}{tool['preorder']}" for tool in story["tools"]
        ]
        return story | {"texts": self._take(keys, FIRST_TEXTS, TEXT_LIMIT)}

    def _trace(self, keys: list[str]) -> Row:
        """Return by message which pieces of it came from elsewhere: what each is, who had it just before, and who had it first."""
        given = {
            "hashes": keys,
            "agent": self._scope.agent,
            "conversation": self._scope.conversation,
            "most": MOST_PIECES,
        }
        found: Row = {}
        for row in self.ask(load_question("conversation_pieces"), given):
            found.setdefault(row.pop("message_hash"), []).append(row)
        return found

    def _find(self, text: str) -> list[str]:
        """Return the keys of the story's messages that hold a text."""
        hashes = [message["key"] for message in self._story.get("messages", [])]
        found = self.ask(load_question("conversation_find"), {"hashes": hashes, "text": text})
        return [row["message_hash"] for row in found]

    def _receive(self, _widget: Any, message: Any, _buffers: Any) -> None:
        if not isinstance(message, dict) or message.get("type") not in ("texts", "find", "run", "pieces"):
            return
        number = message.get("id")
        try:
            self.send({"type": message["type"], "id": number} | self._answer(message))
        except (AgentLensError, duckdb.Error, ValueError, TypeError, KeyError) as error:
            self.send({"type": "error", "id": number, "message": f"This could not be read: {error}"})

    def _answer(self, message: Row) -> Row:
        if message["type"] == "find":
            return {"keys": self._find(str(message["text"]))}
        if message["type"] == "pieces":
            return {"pieces": self._trace([str(message["key"])]).get(str(message["key"]), [])}
        if message["type"] == "run":
            return {"story": self._tell_run(int(message["run"]))}
        keys = [str(key) for key in message["keys"]][:AT_ONCE]
        return {"texts": read_texts(self.ask, keys, None if message.get("whole") else TEXT_LIMIT)}

    @traitlets.observe("_pick")
    def _adopt_pick(self, change: Any) -> None:
        pick = change["new"]
        wanted = Scope(pick.get("agent"), str(pick.get("conversation")), pick.get("trace"))
        if self._story and wanted != self._scope:
            self._open(wanted)

    @traitlets.observe("_call")
    def _adopt_call(self, change: Any) -> None:
        call = change["new"]
        if not 0 <= call < len(self._spans):
            return
        self._publish_sql()
        # A span that belongs to this call (a tool of it, say) stays selected.
        if not self.selection or self._row_of(self.selection[0]) != call:
            self.selection = [self._spans[call]]

    @traitlets.observe("selection")
    def _adopt_selection(self, change: Any) -> None:
        if not change["new"] or not getattr(self, "_spans", None):
            return
        span_id = change["new"][0]
        row = self._row_of(span_id)
        if row is not None:
            self._call = row
        elif found := self.ask(load_question("conversation_of_span"), {"span_id": span_id}):
            home = found[0]
            self._open(Scope(home["agent_name"], home["conversation_id"]), home["span_id"])

    def _row_of(self, span_id: str) -> int | None:
        """Return the call of this story that a span belongs to, if it does to any."""
        if span_id in self._spans:
            return self._spans.index(span_id)
        for tool in self._story.get("tools", []):
            if tool["span_id"] == span_id and tool["call"] >= 0:
                return int(tool["call"])
        found = self.ask(load_question("conversation_of_span"), {"span_id": span_id})
        home = found[0]["span_id"] if found else ""
        return self._spans.index(home) if home in self._spans else None


def _first_shown(story: Row) -> int:
    """Return the call to begin with: where a summary or a cut took most messages away, else the last one."""
    cuts = sorted(story["cuts"], key=lambda cut: (cut["summary"] is None, -cut["messages"]))
    return int(cuts[0]["call"]) if cuts else len(story["calls"]) - 1
