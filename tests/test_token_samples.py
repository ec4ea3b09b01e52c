"""On every sample the ledger agrees, to the token, with a count that knows nothing of agentlens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import plain_counts
import pytest

from agentlens import Lens, read

# Files that hold the same spans as files of an earlier group: read beside those, each would count once.
GROUPS: dict[str, int] = dict.fromkeys(("*/*.console.json", "langfuse/seeder/*.json", "inspect/*.eval"), 1)
GROUPS |= {"*/*base64ids.json": 2}
GROUPS |= dict.fromkeys(("openinference/phoenix_export_rest_spans.jsonl", "mlflow/*.jsonl"), 3)
GROUPS |= dict.fromkeys(("*/*.otlp.pb", "inspect/generated/*.eval"), 4)
GROUPS |= {
    "openinference/phoenix_export_spans_dataframe.parquet": 5,
    "openinference/phoenix_export_spans_dataframe_head.csv": 6,
}
COUNTED = """
    SELECT path, sum(input_tokens)::BIGINT, sum(output_tokens)::BIGINT, coalesce(sum(cache_read_input_tokens), 0)::BIGINT,
      coalesce(sum(cache_write_input_tokens), 0)::BIGINT, coalesce(sum(reasoning_output_tokens), 0)::BIGINT
    FROM usage_ledger JOIN sources USING (source_id) WHERE is_counted GROUP BY path
"""


def expected(samples: Path, group: int) -> dict[Path, plain_counts.Calls]:
    """Calls by file; a call that several files hold stands in the first."""
    met: set[object] = set()
    found = {}
    for pattern, count in plain_counts.COUNTERS.items():
        for path in sorted(samples.glob(pattern)) if GROUPS.get(pattern, 0) == group else []:
            calls = count(path) if path.is_file() else {}
            is_global = count is plain_counts.claude_code
            found[path] = {key: counts for key, counts in calls.items() if not (is_global and key in met)}
            met.update(calls)
    return {path: calls for path, calls in found.items() if any(plain_counts.total(calls))}


def ledger(lens: Lens) -> dict[Path, plain_counts.Counts]:
    rows = lens.sql(COUNTED).fetchall()
    return {Path(path): (i or 0, o or 0, *more) for path, i, o, *more in rows if i or o}


@pytest.mark.parametrize("group", range(7))
def test_the_ledger_agrees_with_a_plain_count_of_every_sample(group: int, samples: Path) -> None:
    plain = {path: plain_counts.total(calls) for path, calls in expected(samples, group).items()}
    assert len(plain) >= (52, 15, 2, 2, 6, 1, 1)[group]
    with read(*plain, progress=False) as lens:
        assert ledger(lens) == plain


def test_every_sample_with_usage_has_a_plain_count(samples: Path, tmp_path: Path) -> None:
    counted = {path for pattern in plain_counts.COUNTERS for path in samples.glob(pattern)}
    others = [path for path in sorted(samples.rglob("*")) if path.is_file() and path not in counted]
    for number, path in enumerate(others):
        (tmp_path / f"{number}-{path.name}").write_bytes(path.read_bytes())
    with read(tmp_path, progress=False) as lens:
        assert ledger(lens) == {}


@pytest.fixture(scope="module")
def folder_total(samples: Path) -> Iterator[plain_counts.Counts]:
    calls: plain_counts.Calls = {}
    for path in sorted((samples / "claude_code").rglob("*.jsonl")):
        calls |= plain_counts.claude_code(path)
    yield plain_counts.total(calls)


def test_a_folder_read_beside_a_copy_of_itself_counts_each_call_once(
    folder_total: plain_counts.Counts, samples: Path, tmp_path: Path
) -> None:
    for path in sorted((samples / "claude_code").rglob("*.jsonl")):
        (tmp_path / f"copy-{path.name}").write_bytes(path.read_bytes())
    with read(samples / "claude_code", tmp_path, progress=False) as lens:
        sums = list(zip(*ledger(lens).values()))
    assert tuple(map(sum, sums)) == folder_total
