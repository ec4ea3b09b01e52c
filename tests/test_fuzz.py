"""Whatever stands in a file: no loader crashes, hangs, raises anything but AgentLensError, loses a record or names a place that is not there.

A few hundred seeded inputs; `tests/benchmarks/fuzz_loaders.py` tries as many as one has time for.
"""

from __future__ import annotations

import random
from collections import defaultdict
from pathlib import Path

import pytest
from fuzzing import Fault, try_loader, try_read, try_sniffers
from mutations import corpus, mutate, seeds

from agentlens import AgentLensError
from agentlens._source import detect_compression, read_head
from agentlens.loaders import all_loaders

LOADERS = all_loaders()
VARIANTS = 12
Corpus = dict[str, list[bytes]]


@pytest.fixture(scope="module")
def by_loader(samples: Path) -> Corpus:
    """Small files by the loader that claims them."""
    found: Corpus = defaultdict(list)
    for name, seed in seeds():
        found[name].append(seed)
    for path, data in corpus(samples):
        if len(data) <= 16 * 1024 and len(found) < 1000:
            head = read_head(path, detect_compression(path))
            for name in (name for name, loader in LOADERS.items() if loader.sniff(head)):
                found[name].append(data)
    return found


@pytest.mark.parametrize("name", LOADERS)
def test_a_loader_survives_damaged_and_hostile_files(name: str, by_loader: Corpus, tmp_path: Path) -> None:
    if not by_loader[name]:
        pytest.skip(f"no file of at most 16 KB is claimed by {name}")
    rng = random.Random(name)
    everything = [data for group in by_loader.values() for data in group]
    path, faults = tmp_path / "input", set[Fault]()
    for number in range(VARIANTS):
        path.write_bytes(mutate(rng, rng.choice(by_loader[name]), everything))
        faults |= {
            fault
            for fault in (try_loader(name, LOADERS[name], path), number % 6 == 0 and try_sniffers(LOADERS, path))
            if fault
        }
    assert faults == set()


def test_reading_survives_them_too(by_loader: Corpus, tmp_path: Path) -> None:
    rng = random.Random(14)
    everything = [data for group in by_loader.values() for data in group]
    path, faults = tmp_path / "input", []
    for name in rng.sample(sorted(name for name in by_loader if by_loader[name]), 6):
        path.write_bytes(mutate(rng, rng.choice(by_loader[name]), everything))
        faults.append(try_read(name, path))
    assert [fault for fault in faults if fault] == []


# --- the net catches what it is there to catch ------------------------------------------------------------------------


class Broken:
    """A loader that breaks one law."""

    LOOKS_FOR = CANNOT_KNOW = ""
    VERSION = 1

    def __init__(self, law: str) -> None:
        self._law = law

    def sniff(self, head: bytes) -> bool:
        raise KeyError("head")

    def load(self, source, into) -> None:  # type: ignore[no-untyped-def]
        from agentlens._source import Place

        into.record()
        if self._law == "raises":
            raise KeyError("x")
        if self._law == "hangs":
            while True:
                into.record(0)
        if self._law == "refuses":
            raise AgentLensError("no")
        if self._law == "loses":
            return
        if self._law == "hides":
            into.account.rejected += 1
        else:
            into.reject(Place(1, 0, 1000 if self._law == "invents" else 1), "why", b"x")


@pytest.mark.parametrize(
    ("law", "what"),
    [
        ("raises", "KeyError"), ("hangs", "more than 0.2 s"), ("loses", "records are not accepted + rejected + skipped"),
        ("hides", "rejected records are not in rejects"), ("invents", "a place outside the file: rejects"), ("refuses", None), ("keeps", None),
    ],
)  # fmt: skip
def test_a_loader_that_breaks_a_law_is_caught(law: str, what: str | None, tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_bytes(b"x")
    loader = Broken(law)
    fault = try_loader("broken", loader, path, 0.2)  # type: ignore[arg-type]
    assert (fault.what if fault else None) == what
    sniffing = try_sniffers({"broken": loader}, path)  # type: ignore[dict-item]
    assert sniffing and (sniffing.loader, sniffing.what) == ("broken.sniff", "KeyError")
