"""How a change is said: measures by name, releases grouped by what they are, and the sentence with its doubt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from agentlens.detectors.change_effects import mean_distributions

# What a measure is called, its unit, and which direction is for the worse: 1 up, -1 down, 0 neither.
MEASURES: dict[str, tuple[str, str, int]] = {
    "task_duration_s": ("duration of a task", "s", 1),
    "task_model_calls": ("model calls a task", "", 1),
    "task_tool_calls": ("tool calls a task", "", 1),
    "task_input_tokens": ("input tokens a task", "", 1),
    "task_output_tokens": ("output tokens a task", "", 1),
    "task_cost_usd": ("cost of a task", "USD", 1),
    "task_cache_share": ("share of input from the cache", "%", -1),
    "task_error_rate": ("failed calls a call", "%", 1),
    "task_retry_rate": ("retried tool calls", "%", 1),
    "task_escalated": ("tasks that call for a person", "%", 0),
    "task_handoffs": ("hand-overs a task", "", 0),
    "task_failed": ("failed tasks", "%", 1),
    "task_completed": ("completed tasks", "%", -1),
    "task_tool_mix": ("mix of tools, distance from its usual one", "%", 0),
    "task_output_bytes": ("length of the answer", "bytes", 0),
    "task_output_json": ("answers in JSON", "%", -1),
    "task_confidence": ("stated confidence", "", -1),
    "call_duration_s": ("duration of a model call", "s", 1),
    "call_input_tokens": ("input tokens a call", "", 1),
    "call_output_tokens": ("output tokens a call", "", 1),
    "call_cache_share": ("share of a call's input from the cache", "%", -1),
    "call_failed": ("failed model calls", "%", 1),
    "tool_duration_s": ("duration of a tool call", "s", 1),
    "tool_failed": ("failed calls of a tool", "%", 1),
    "tool_retried": ("retried calls of a tool", "%", 1),
    "heartbeat_gap_s": ("pause between heartbeats", "s", 1),
}
# What belongs together: kinds of version that are one change when they change at once.
FAMILIES = {
    "prompt_version": "the prompt", "system_prompt": "the prompt", "agent_version": "the agent",
    "tool_schema": "the tools", "request_model": "the model", "response_model": "the model", "sampling": "the parameters",
    "service_version": "the program", "instrumentation": "the program", "program_version": "the program", "commit": "the program",
    "identity_file": "the identity file",
}  # fmt: skip
# The kinds in which a family is named, the plainest first.
NAMED_BY = ("prompt_version", "request_model", "response_model", "agent_version", "service_version", "program_version", "commit", "identity_file", "sampling", "system_prompt", "tool_schema", "instrumentation")  # fmt: skip


class Release(NamedTuple):
    """A row of `releases`."""

    agent_name: str | None
    kind: str
    value_before: str
    value: str
    start_ns: int
    trace_id: str
    span_id: str


def explain(change: Any, series: Any, suspects: list[Release], releases: Callable[[], list[Release]]) -> str:
    """Return what to think of a verdict in one or two sentences: what moved, when, how sure, and what to suspect."""
    label = MEASURES[series.measure][0] + (f" {series.tool_name}" if series.tool_name else "")
    about = f"{series.subject[0].upper()}{series.subject[1:]}" if series.agent_name is None else series.agent_name
    count = len(series.values)
    if change.verdict == "too few":
        tasks = len(set(series.tasks.tolist()))
        return (
            f"{about}, {label}: {count:,} observations of {tasks:,} tasks, too few to tell (12 of 4 tasks are needed)."
        )
    if change.verdict == "none":
        return f"{about}, {label}: no change beyond chance in {count:,} observations."
    moved = _moved(change, series)
    when = clock(int(series.times[change.at]))
    if change.verdict == "workload":
        return f"{about}, {label}: {moved} since {when}, but only because the mix of work changed; like work takes what it took."
    if change.verdict == "slope":
        return f"{about}, {label}: drifted slowly, {moved} from {when} to {clock(int(series.times[-1]))}."
    return f"{about}, {label}: {moved} since {when}. {_blame(suspects, releases, change, series)}"


def _moved(change: Any, series: Any) -> str:
    effect = change.effect
    if series.values.ndim == 1:
        return f"{say(series.measure, effect.before)} to {say(series.measure, effect.after)}{_percent(effect)}"
    at = change.at or len(series.values) // 2
    before, after = mean_distributions(
        series.values[change.first : change.end], series.strata[change.first : change.end], at - change.first
    )
    most = sorted(range(len(before)), key=lambda place: -abs(after[place] - before[place]))[:2]
    tools = ", ".join(
        f"{series.columns[place]} {100 * before[place]:.0f} to {100 * after[place]:.0f} %" for place in most
    )
    return f"{100 * effect.difference:.0f} % of the calls go to other tools (95 % interval {100 * effect.low:.0f} to {100 * effect.high:.0f}; {tools})"


def _blame(suspects: list[Release], releases: Callable[[], list[Release]], change: Any, series: Any) -> str:
    agent = series.agent_name
    if suspects:
        groups = group_releases(suspects)
        named = " and ".join(groups.values())
        if len(groups) > 1:
            return f"At that time {named} changed together: the data cannot separate them."
        owners = sorted({str(release.agent_name) for release in suspects})
        who = "" if owners == [agent] else f" of {owners[0]}" if len(owners) == 1 else f" of {len(owners)} agents"
        return _when(f"{named}{who}", int(series.times[change.at]) - suspects[0].start_ns)
    if agent is None:
        return f"It is seen in more than one of {len(series.shared_by)}, and no release of theirs falls into that time."
    at = int(series.times[change.at])
    before = [r for r in releases() if r.agent_name == agent and r.start_ns <= at]
    if not before:
        return "No release of this agent is recorded before it."
    last = max(release.start_ns for release in before)
    named = " and ".join(group_releases([release for release in before if release.start_ns == last]).values())
    return f"No release falls into that time; the last before it was {named}, {_length(at - last)} earlier."


def group_releases(releases: Sequence[Release]) -> dict[str, str]:
    """Return what changed, each family once, in words with the versions: `the prompt (v13 to v14)`."""
    groups: dict[str, str] = {}
    for kind in NAMED_BY:
        for release in releases:
            family = FAMILIES[kind]
            if release.kind == kind and family not in groups:
                groups[family] = f"{family} ({release.value_before} to {release.value})"
    # A version of the agent that changes with the prompt, the tools or the model is that change under another name.
    if len(groups) > 1:
        groups.pop("the agent", None)
    return groups


def say(measure: str, value: float) -> str:
    """Return a value of a measure with its unit, to three digits."""
    unit = MEASURES[measure][1]
    if unit == "%":
        return f"{100 * value:.3g} %"
    text = f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"
    return f"{text} {unit}".strip()


def _percent(effect: Any) -> str:
    if effect.before <= 0:
        return ""
    change, low, high = (100 * part / effect.before for part in (effect.difference, effect.low, effect.high))
    return f" ({change:+.0f} %, 95 % interval {low:+.0f} to {high:+.0f})"


def _when(named: str, later_ns: int) -> str:
    """Return how the change and a release stand in time; the date of a change is only known within its interval."""
    if abs(later_ns) < 60e9:
        return f"{named[0].upper()}{named[1:]} changed just then."
    if later_ns > 0:
        return f"That is {_length(later_ns)} after {named} changed."
    return f"{named[0].upper()}{named[1:]} changed {_length(-later_ns)} later, within what is known of the date."


def _length(ns: float) -> str:
    for unit, size in (("days", 86_400e9), ("h", 3_600e9), ("min", 60e9)):
        if ns >= (2 if unit == "days" else 1) * size:
            return f"{ns / size:.0f} {unit}"
    return f"{ns / 1e9:.0f} s"


def clock(ns: int) -> str:
    """Return a moment as it is written in a sentence (UTC)."""
    return datetime.fromtimestamp(ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M")
