"""Whatever stands in a file, reading ends in rows, rejects or one clear sentence, and the account balances."""

from __future__ import annotations

import copy
import gzip
import json
import random
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from otlp_forests import (
    Span,
    Written,
    as_lines,
    assert_accounts_balance,
    attribute,
    batch,
    every_form,
    read_bytes,
    span,
)

from agentlens import AgentLensError, Lens, read
from agentlens.loaders import all_loaders

GOOD = as_lines([span(0, 0, start=1, end=2)])


def outcome(lens: Lens) -> tuple[int, int, int]:
    """Return accepted, rejected and skipped over all sources, after checking that they add up."""
    assert_accounts_balance(lens)
    [row] = lens.sql(
        "SELECT sum(accepted)::BIGINT, sum(rejected)::BIGINT, sum(skipped)::BIGINT FROM sources"
    ).fetchall()
    return row


@pytest.mark.parametrize(
    "line",
    [
        b'"a bare string"',
        b"17",
        b"null",
        b"NaN",
        b"[]",
        b"{}",
        b"not json at all",
        b'{"resourceSpans":',
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"resourceSpans":' * 1000,
        b'{"resourceSpans":17}',
        b'{"resourceSpans":[17,null,"x",[]]}',
        b'{"resourceSpans":[{"resource":17,"scopeSpans":{"a":1}}]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":"none"},{"spans":[null,true,"x",3,[],{}]}]}]}',
    ],
)
def test_a_bad_line_never_costs_its_neighbours(line: bytes, tmp_path: Path) -> None:
    with read_bytes(tmp_path, GOOD + line + b"\n" + as_lines([span(0, 1)])) as lens:
        accepted, rejected, _ = outcome(lens)
        assert accepted == 2
        assert rejected >= 1 or line in (b"[]", b"{}")
        assert lens.sql("SELECT count(*) FROM rejects WHERE source_line IS DISTINCT FROM 2").fetchall() == [(0,)]


def test_one_bad_piece_of_a_batch_never_costs_the_others(tmp_path: Path) -> None:
    good = batch([span(0, 0), span(0, 1)])["resourceSpans"][0]
    bad = {
        "resourceSpans": [17, good, {"scopeSpans": [None, {"spans": [span(0, 2), 5]}, {"spans": 3}]}, {"scopeSpans": 4}]
    }
    text = json.dumps(bad)
    with read_bytes(tmp_path, text.encode() + b"\n") as lens:
        assert outcome(lens) == (3, 5, 0)
        places = lens.sql("SELECT raw, source_offset, source_length FROM rejects").fetchall()
    assert all(text[offset : offset + length] == raw for raw, offset, length in places)


def test_a_torn_last_line_is_a_reject_with_its_text(tmp_path: Path) -> None:
    with read_bytes(tmp_path, GOOD + GOOD[:50]) as lens:
        assert outcome(lens) == (1, 1, 0)
        assert lens.sql("SELECT source_line, source_offset, source_length, raw FROM rejects").fetchall() == [
            (2, len(GOOD), 50, GOOD[:50].decode())
        ]


@pytest.mark.parametrize("form", every_form([span(0, 0), span(0, 1, 0)]), ids=lambda form: form.name)
def test_a_file_torn_anywhere_is_read_or_refused(form: Written, tmp_path: Path) -> None:
    for cut in range(1, len(form.data), max(1, len(form.data) // 5)):
        (tmp_path / str(cut)).mkdir()
        path = tmp_path / str(cut) / form.name
        path.write_bytes(form.data[:cut])
        try:
            with read(path, progress=False) as lens:
                outcome(lens)
        except AgentLensError as error:
            assert form.name in str(error)


VALUES: list[Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    2**63,
    2**127,
    -(2**127),
    "",
    "x",
    "ü",
    [],
    [None],
    {},
    {"stringValue": 3},
    [[[]]],
    "9" * 30,
]


@pytest.mark.parametrize(
    "key",
    [
        "traceId",
        "spanId",
        "parentSpanId",
        "name",
        "startTimeUnixNano",
        "endTimeUnixNano",
        "status",
        "attributes",
        "events",
        "links",
        "kind",
        "flags",
        "droppedEventsCount",
    ],
)
def test_any_type_in_any_field_of_a_span_is_read_or_rejected(key: str, tmp_path: Path) -> None:
    spans = [{**span(0, number, 0, start=1, end=2), key: value} for number, value in enumerate(VALUES)]
    with read_bytes(tmp_path, as_lines(spans)) as lens:
        accepted, rejected, skipped = outcome(lens)
        assert accepted + rejected + skipped == len(spans)
        assert rejected == 0 or key in ("traceId", "spanId")


@pytest.mark.parametrize(
    "key",
    [
        "gen_ai.operation.name",
        "gen_ai.usage.input_tokens",
        "gen_ai.response.finish_reasons",
        "gen_ai.input.messages",
        "gen_ai.output.messages",
        "gen_ai.system_instructions",
        "gen_ai.usage.cost",
        "error.type",
        "openinference.span.kind",
        "metadata",
        "events",
        "gen_ai.prompt",
        "llm.input_messages.0.message.role",
        "llm.input_messages",
        "llm.input_messages.0",
        "gen_ai.prompt.0.content",
        "input.value",
        "span.type",
        "service.name",
        "traceloop.span.kind",
        "ai.operationId",
        "exception.type",
    ],
)
def test_any_type_in_any_attribute_is_read(key: str, tmp_path: Path) -> None:
    kinds = (
        "stringValue",
        "intValue",
        "doubleValue",
        "boolValue",
        "arrayValue",
        "kvlistValue",
        "bytesValue",
        "oddValue",
    )
    pairs = [{"key": key, "value": {kind: value}} for kind in kinds for value in VALUES]
    pairs += [{"key": key, "value": value} for value in VALUES] + [
        attribute(key, json.dumps(value)) for value in VALUES
    ]
    others = [attribute("openinference.span.kind", "LLM"), attribute("gen_ai.system", "x")]
    spans = [
        span(
            0,
            n,
            attributes=[*others, pair],
            events=[{"name": "exception", "attributes": [pair]}, {"name": "gen_ai.choice", "attributes": [pair]}],
        )
        for n, pair in enumerate(pairs)
    ]
    with read_bytes(tmp_path, as_lines(spans)) as lens:
        assert outcome(lens) == (len(spans), 0, 0)


def mutate(value: Any, random_: random.Random) -> Any:
    """Change one place of a JSON value: another type, a key gone, an element twice, a number beyond all bounds."""
    if isinstance(value, dict) and value and random_.random() < 0.93:
        key = random_.choice(list(value))
        chance = random_.random()
        if chance < 0.04:
            value.pop(key)
        elif chance < 0.06:
            value[random_.choice(["value", "spans", "key", "stringValue", "attributes"])] = value.pop(key)
        else:
            value[key] = mutate(value[key], random_)
        return value
    if isinstance(value, list) and value and random_.random() < 0.95:
        at = random_.randrange(len(value))
        if random_.random() < 0.05:
            value.insert(at, copy.deepcopy(random_.choice(value)))
        else:
            value[at] = mutate(value[at], random_)
        return value
    return copy.deepcopy(random_.choice([*VALUES, float("nan"), float("inf"), "\ud800", "\x00", value]))


def mutate_text(text: bytes, random_: random.Random) -> bytes:
    """Change some bytes: cut out, doubled, or replaced by what breaks parsers."""
    data = bytearray(text)
    for _ in range(random_.randint(1, 3)):
        at = random_.randrange(len(data) + 1)
        chance = random_.random()
        if chance < 0.3:
            del data[at : at + random_.randint(1, 20)]
        elif chance < 0.8:
            data[at:at] = random_.choice(
                [b"\x00", b"\xff", b"\\", b'"', b"{", b"]", b"\\ud800", b"NaN", b"1e999", b",", b"\n", b"9" * 40]
            )
        else:
            data[at:at] = data[at : at + random_.randint(1, 200)]
    return bytes(data)


def mutant(lines: list[bytes], random_: random.Random) -> bytes:
    """Return one line of the samples, changed in a few places."""
    line = random_.choice(lines)
    if random_.random() < 0.3:
        return mutate_text(line, random_).replace(b"\n", b" ")
    value = json.loads(line)
    for _ in range(random_.randint(1, 3)):
        value = mutate(value, random_)
    return json.dumps(value).encode()


def sample_lines(samples: Path) -> list[bytes]:
    """Return spans of the samples, one batch of a few spans a line."""
    lines = []
    for path in sorted(samples.glob("o*/*.otlp.jsonl")):
        for text in path.read_text("utf-8").splitlines():
            for resource in json.loads(text)["resourceSpans"]:
                for scope in resource["scopeSpans"]:
                    lines += [
                        json.dumps(
                            {"resourceSpans": [{**resource, "scopeSpans": [{**scope, "spans": [one]}]}]}
                        ).encode()
                        for one in scope["spans"]
                    ]
    return lines


@pytest.mark.parametrize("seed", range(4))
def test_mutated_real_files_are_read_without_any_other_error(seed: int, samples: Path, tmp_path: Path) -> None:
    lines, random_ = sample_lines(samples), random.Random(seed)
    with read_bytes(tmp_path, GOOD + b"\n".join(mutant(lines, random_) for _ in range(400)) + b"\n") as lens:
        assert sum(outcome(lens)) >= 300


@pytest.mark.parametrize("seed", range(20))
def test_mutated_protobuf_is_read_or_refused(seed: int, samples: Path, tmp_path: Path) -> None:
    random_ = random.Random(seed)
    data = (samples / "otel_genai/pydantic_ai_multiagent_v5.otlp.pb").read_bytes()
    path = tmp_path / "mutant.pb"
    path.write_bytes(mutate_text(data, random_))
    try:
        with read(path, progress=False) as lens:
            outcome(lens)
    except AgentLensError:
        pass


@settings(max_examples=150)
@given(
    st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda t: t.encode("utf-8", "replace"))), st.booleans()
)
def test_no_sniffer_raises_whatever_the_bytes(data: bytes, as_json: bool) -> None:
    head = b'{"resourceSpans":[{"scopeSpans":[{"spans":[' + data if as_json else data
    assert all(loader.sniff(head) in (True, False) for loader in all_loaders().values())


def test_nan_infinities_halves_of_characters_and_bad_utf8_cost_only_themselves(tmp_path: Path) -> None:
    pairs = b'{"key":"a","value":{"doubleValue":NaN}},{"key":"b","value":{"doubleValue":-Infinity}},'
    pairs += b'{"key":"NaN","value":{"stringValue":"\\ud800 NaN \\ud83d\\ude00"}}'
    line = GOOD.replace(b'"name": "step 0"', b'"name": "step 0", "attributes": [' + pairs + b"]")
    torn = as_lines([span(0, 1)]).replace(b"step 1", b"st\xffep")
    with read_bytes(tmp_path, line + torn) as lens:
        assert outcome(lens) == (2, 0, 0)
        rows = lens.sql("SELECT name, attributes, source_offset, source_length FROM spans ORDER BY span_id").fetchall()
        assert len(lens.sql("SELECT unnest(known_missing) FROM sources").fetchall()) == 2
    assert rows[0][0] == "step 0" and json.loads(rows[0][1]) == {"a": None, "b": None, "NaN": "\ufffd NaN 😀"}
    assert rows[1][0] == "st\ufffdep"
    assert all((line + torn)[at : at + length].startswith(b'{"traceId"') for *_, at, length in rows)


def test_integers_of_128_bits_stay_exact(tmp_path: Path) -> None:
    huge = 100927429609276267646756448943279827607
    line = GOOD.replace(b'"name"', b'"attributes": [{"key": "id", "value": {"intValue": %d}}], "name"' % huge)
    with read_bytes(tmp_path, line) as lens:
        assert lens.sql("SELECT attributes::VARCHAR FROM spans").fetchall() == [(f'{{"id":{huge}}}',)]


def test_deep_nesting_is_a_reject_and_never_a_crash(tmp_path: Path) -> None:
    for depth in (100, 300, 450, 700, 2000, 100_000):
        nested: bytes = b'{"arrayValue":{"values":[' * depth + b"]}}" * depth
        line = GOOD.replace(b'"name"', b'"attributes": [{"key": "deep", "value": %s}], "name"' % nested)
        said = GOOD.replace(
            b'"name"',
            b'"attributes": [%s], "name"'
            % json.dumps(attribute("gen_ai.input.messages", "[" * depth + "]" * depth)).encode(),
        )
        with read_bytes(tmp_path / str(depth), line + said.replace(b"0000000000000001", b"0000000000000002")) as lens:
            assert sum(outcome(lens)) == 2


def test_times_and_tokens_beyond_all_bounds_never_overflow(tmp_path: Path) -> None:
    numbers = [0, 1, -1, 2**62, 2**63 - 1, 2**63, 2**64 - 1, -(2**63), 10**30]
    spans: list[Span] = []
    for number, value in enumerate(numbers):
        keys = (
            "input_tokens",
            "output_tokens",
            "cache_read.input_tokens",
            "cache_creation.input_tokens",
            "reasoning.output_tokens",
        )
        pairs = [{"key": f"gen_ai.usage.{key}", "value": {"intValue": str(value)}} for key in keys]
        spans.append(span(0, number, None, value, numbers[-number], attributes=pairs))
    with read_bytes(tmp_path, as_lines(spans)) as lens:
        assert outcome(lens)[0] == len(spans)
        lens.sql("SELECT sum(input_tokens), sum(duration_ns) FROM spans").fetchall()


@pytest.mark.parametrize("size", [10, 64])
def test_a_line_of_many_megabytes_is_one_record(size: int, tmp_path: Path) -> None:
    text = "x" * (size * 1024 * 1024)
    with read_bytes(
        tmp_path, GOOD + as_lines([span(0, 1, attributes=[attribute("text", text)])]) + as_lines([span(0, 2)])
    ) as lens:
        assert outcome(lens) == (3, 0, 0)
        assert lens.sql("SELECT max(length(attributes)) FROM spans").fetchall()[0][0] > len(text)


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress])
def test_a_torn_archive_keeps_what_came_before_the_tear(compress: Any, tmp_path: Path) -> None:
    random_ = random.Random(1)
    lines = as_lines(
        [span(0, n, attributes=[attribute("text", str(random_.random()) * 50)]) for n in range(300)], size=1
    )
    data = compress(lines)
    with read_bytes(tmp_path, data[: len(data) // 2]) as lens:
        accepted, rejected, _ = outcome(lens)
        assert rejected == 1 and "damaged" in lens.sql("SELECT reason FROM rejects").fetchall()[0][0]
    assert compress is zstandard.compress or accepted > 50


def test_an_archive_damaged_at_its_head_is_a_reject_in_a_folder_and_an_error_by_name(tmp_path: Path) -> None:
    (tmp_path / "bad.gz").write_bytes(gzip.compress(GOOD)[:12] + b"\xff" * 40)
    with read_bytes(tmp_path, GOOD) as lens:
        assert outcome(lens) == (1, 1, 0)
    with pytest.raises(AgentLensError, match="compressed and damaged"):
        read(tmp_path / "bad.gz", progress=False)


@pytest.mark.parametrize("beginning", [b'{"resourceSpans":["', b'{\n"resourceSpans":["'])
def test_a_bomb_of_one_record_is_refused_in_bounded_memory(
    beginning: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentlens._source.UNPACKED_LINE_BYTES", 20_000_000)
    monkeypatch.setattr("agentlens._source.UNPACKED_DOCUMENT_BYTES", 20_000_000)
    with read_bytes(tmp_path, gzip.compress(beginning + b"x" * 100_000_000)) as lens:
        assert outcome(lens) == (0, 1, 0)
        assert "expands to one record" in lens.sql("SELECT reason FROM rejects").fetchall()[0][0]


def test_a_bad_file_never_costs_the_others() -> None:
    with TemporaryDirectory() as folder:
        files = [
            Written("good.jsonl", GOOD),
            Written("torn.pb", every_form([span(0, 1)])[-3].data[:-3]),
            Written("noise", bytes(range(256)) * 40),
        ]
        with read_bytes(Path(folder), *files) as lens:
            assert outcome(lens)[0] >= 1


# What takes any text, and makes something of it or nothing.
TEXT_LOADERS = frozenset({"aider", "markdown", "specstory"})
DENIALS = ("of another kind", "no ", "not ", "neither ", "an object without")


@pytest.mark.parametrize("name", sorted(all_loaders().keys() - TEXT_LOADERS))
def test_a_json_file_of_another_kind_is_only_rejects_that_claim_nothing_of_it(name: str, tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text('{"hello": 1}')
    (tmp_path / "two.jsonl").write_text('{"hello": 1}\n{"hello": 2}\n')
    with read(tmp_path, format=name, progress=False) as lens:
        accepted, rejected, skipped = outcome(lens)
        reasons = lens.sql("SELECT source_id, reason FROM rejects").fetchall()
        rows = lens.sql("SELECT (SELECT count(*) FROM spans), (SELECT count(*) FROM span_events)").fetchall()
    assert (accepted, skipped, rows) == (0, 0, [(0, 0)])
    assert rejected == len(reasons)
    assert len({source for source, _ in reasons}) == 2
    assert [reason for _, reason in reasons if not reason.startswith(DENIALS)] == []


@pytest.mark.parametrize(
    "name",
    ["inspect", "jaeger", "langfuse", "manifest", "mlflow", "sentry", "smolagents", "swe_agent", "tempo"],
)
def test_a_reject_of_another_kind_says_which_keys_it_has_and_what_was_expected(name: str, tmp_path: Path) -> None:
    others = {
        "it has no keys": {},
        "it has `p`, `q`, `r`, `s`, `t`, `u` and 2 more": dict.fromkeys("pqrstuvw", 1),
        f"it has `{'k' * 39}…`, `⟨U+202E⟩ ↵ `": {"k" * 1000: {"a": 1}, "\u202e\n": 1},
    }
    for number, other in enumerate(others.values()):
        (tmp_path / f"{number}.json").write_text(json.dumps(other))
    with read(tmp_path, format=name, progress=False) as lens:
        assert outcome(lens) == (0, 3, 0)
        reasons = [reason for (reason,) in lens.sql("SELECT reason FROM rejects ORDER BY source_id").fetchall()]
    for seen, reason in zip(others, reasons, strict=True):
        assert f"of another kind: {seen}; expected {all_loaders()[name].LOOKS_FOR}" in reason


@pytest.mark.parametrize("name", ["jaeger", "langfuse", "mlflow"])
def test_what_stands_under_data_is_of_another_kind_where_it_has_no_key_of_the_format(name: str, tmp_path: Path) -> None:
    data: Any = {"hello": 1} if name == "mlflow" else [{"hello": 1}, {"data": [], "total": 0}]
    path = tmp_path / "answer.json"
    path.write_text(json.dumps({"data": data, "total": 2}))
    with read(path, format=name, progress=False) as lens:
        reasons = [reason for (reason,) in lens.sql("SELECT reason FROM rejects").fetchall()]
        accepted, _, _ = outcome(lens)
    assert accepted == 0
    assert reasons[0].startswith("of another kind: it has ")
