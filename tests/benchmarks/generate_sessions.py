"""Writes a folder of made-up Claude Code sessions: model calls spread over several lines, tool results, sub-agents, compactions.

    python tests/benchmarks/generate_sessions.py FOLDER MEGABYTES

The same arguments write the same bytes.
"""

from __future__ import annotations

import argparse
import json
import random
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from long_span_logs import WORDS as NOUNS

T0 = 1_776_176_591
TOOLS = ("Bash", "Read", "Edit", "Grep", "Write")
WORDS = [
    *NOUNS,
    "the",
    "of",
    "and",
    "to",
    "in",
    "a",
    "is",
    "that",
    "for",
    "it",
    "as",
    "was",
    "with",
    "be",
    "by",
    "on",
    "not",
    "file",
    "test",
    "error",
    "function",
    "return",
    "import",
    "class",
    "value",
    "index",
    "config",
    "server",
    "client",
]
COMPACT_AFTER = 400


def main() -> None:
    """Write the folder."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("folder", type=Path)
    asked.add_argument("megabytes", type=float)
    options = asked.parse_args()
    folder = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    rng, written, number = random.Random(7), 0, 0
    while written < options.megabytes * 2**20:
        session = Session(rng, number)
        path = folder / f"{session.id}.jsonl"
        with path.open("w") as stream:
            stream.writelines(session.lines(round(rng.lognormvariate(5.3, 0.9)) + 4))
        written += path.stat().st_size
        number += 1


class Session:
    """One session, line after line."""

    def __init__(self, rng: random.Random, number: int) -> None:
        self.rng = rng
        self.id = self._uuid()
        self.time = T0 + number * 977
        self.parent: str | None = None
        self.agent: dict[str, Any] = {}
        self.since_compaction = 0

    def lines(self, count: int) -> Iterator[str]:
        """Yield about so many lines."""
        turn = 0
        while count > 0:
            lines = [*self._turn(turn)]
            yield from lines
            count, turn = count - len(lines), turn + 1

    def _turn(self, turn: int) -> Iterator[str]:
        yield (
            json.dumps(
                {"type": "file-history-snapshot", "messageId": self._uuid(), "snapshot": {"trackedFileBackups": {}}}
            )
            + "\n"
        )
        if self.since_compaction > COMPACT_AFTER:
            self.since_compaction, self.parent = 0, None
            yield self._line("system", subtype="compact_boundary", content="Conversation compacted", level="info")
            yield self._line("user", isCompactSummary=True, message={"role": "user", "content": self._text(6000)})
        yield self._line("user", message={"role": "user", "content": f"{turn} " + self._text(300)})
        for _ in range(self.rng.randrange(2, 24)):
            yield from self._call()
        yield self._line("system", subtype="turn_duration", durationMs=self.rng.randrange(10**6), isMeta=False)

    def _call(self) -> Iterator[str]:
        message_id, request_id, call_id = self._id("msg_01"), self._id("req_011"), self._id("toolu_01")
        usage = {
            "input_tokens": 3, "cache_creation_input_tokens": self.rng.randrange(9000), "cache_read_input_tokens": self.rng.randrange(10**5),
            "cache_creation": {"ephemeral_5m_input_tokens": 8216, "ephemeral_1h_input_tokens": 0},
            "output_tokens": self.rng.randrange(1, 900), "service_tier": "standard",
        }  # fmt: skip
        tool = self.rng.choice(TOOLS)
        arguments = {"command": self._text(120), "description": self._text(40)}
        blocks: list[dict[str, Any]] = [
            {"type": "tool_use", "id": call_id, "name": tool, "input": arguments, "caller": {"type": "direct"}}
        ]
        if self.rng.random() < 0.5:
            blocks.insert(0, {"type": "text", "text": self._text(200)})
        for block in blocks:
            message = {
                "model": "claude-opus-4-6", "id": message_id, "type": "message", "role": "assistant", "content": [block],
                "stop_reason": None, "stop_sequence": None, "usage": usage,
            }  # fmt: skip
            yield self._line("assistant", message=message, requestId=request_id)
        if self.rng.random() < 0.3:
            data = {"type": "hook_progress", "hookEvent": "PostToolUse", "command": "bd prime " + self._text(60)}
            yield self._line("progress", data=data, parentToolUseID=call_id, toolUseID=call_id)
        result = self._text(self.rng.choice((80, 300, 900, 2500, 6000)))
        content = [
            {"tool_use_id": call_id, "type": "tool_result", "content": result, "is_error": self.rng.random() < 0.05}
        ]
        told = {"stdout": result, "stderr": "", "interrupted": False, "isImage": False}
        yield self._line("user", message={"role": "user", "content": content}, toolUseResult=told)

    def _line(self, kind: str, **fields: Any) -> str:
        self.time += self.rng.randrange(1, 9)
        self.since_compaction += 1
        line = {
            "parentUuid": self.parent, "isSidechain": False, "userType": "external", "cwd": "/home/user/projects/spotter", "sessionId": self.id,
            "version": "2.1.39", "gitBranch": "main", "slug": "linked-soaring-matsumoto", "type": kind, **fields, "uuid": self._uuid(),
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(self.time)),
        }  # fmt: skip
        self.parent = line["uuid"]
        return json.dumps(line) + "\n"

    def _text(self, size: int) -> str:
        words = self.rng.choices(WORDS, k=min(size, 1500) // 6 + 1)
        sentence = " ".join(words)
        return (sentence * (size // len(sentence) + 1))[:size]

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self.rng.getrandbits(128)))

    def _id(self, prefix: str) -> str:
        return f"{prefix}{self.rng.getrandbits(100):024x}"


if __name__ == "__main__":
    main()
