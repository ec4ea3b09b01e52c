"""Gives every loader damaged and hostile variants of all samples: no crash, no hang, no exception but AgentLensError, accounts balance.

    python tests/benchmarks/fuzz_loaders.py --inputs 100000 --seed 1 --keep /tmp/faults

One input in five hundred goes through the whole of `agentlens.read`. An input with a fault is kept, to be run again with `--again FILE`.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fuzzing import Fault, try_loader, try_read, try_sniffers
from mutations import corpus, mutate, seeds

from agentlens._errors import AgentLensError
from agentlens._source import detect_compression, read_head
from agentlens.loaders import Loader, all_loaders

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = Path(os.environ.get("AGENTLENS_SAMPLES", ROOT.parent / "shared" / "samples"))


def main() -> None:
    """Run and print a table: inputs and faults by loader."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--inputs", type=int, default=10_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--only", action="append", help="run only this loader")
    options.add_argument("--keep", type=Path, default=Path("/tmp/agentlens_faults"))
    options.add_argument("--again", type=Path, help="run one kept input again")
    given = options.parse_args()
    loaders = all_loaders()
    if given.again:
        name = given.again.name.split("__")[0].removeprefix("read ").partition(".")[0]
        print(
            try_sniffers(loaders, given.again),
            try_loader(name, loaders[name], given.again),
            try_read(name, given.again),
            sep="\n",
        )
        return
    given.keep.mkdir(parents=True, exist_ok=True)
    inputs, faults = run(loaders, given.inputs, given.seed, given.only, given.keep)
    for name in sorted(inputs):
        print(
            f"{name:16} {inputs[name]:8,} inputs  {sum(count for fault, count in faults.items() if name in fault.loader):6,} faults"
        )
    for fault, count in faults.most_common():
        print(f"{count:6,}  {fault.loader}: {fault.what}  {fault.where}")
    print(f"{sum(inputs.values()):,} inputs, {sum(faults.values()):,} faults")


def run(
    loaders: dict[str, Loader], count: int, seed: int, only: list[str] | None, keep: Path
) -> tuple[Counter[str], Counter[Fault]]:
    """Try variants in turn over the loaders; return inputs by loader and faults."""
    rng = random.Random(seed)
    files = _by_loader(loaders)
    names = [name for name in sorted(files) if not only or name in only]
    everything = [data for group in files.values() for data in group]
    inputs: Counter[str] = Counter()
    faults: Counter[Fault] = Counter()
    memory = Path("/dev/shm")
    path, begun = (memory if memory.is_dir() else keep) / f"agentlens_fuzz.{os.getpid()}", time.monotonic()
    for number in range(count):
        name = names[number % len(names)]
        path.write_bytes(mutate(rng, rng.choice(files[name]), everything))
        inputs[name] += 1
        fault = try_sniffers(loaders, path) if number % 20 == 0 else None
        fault = fault or try_loader(name, loaders[name], path)
        if number % 500 == 7:
            fault = fault or try_read(name, path)
        if fault:
            faults[fault] += 1
            if faults[fault] == 1:
                shutil.copy(path, keep / f"{fault.loader}__{fault.what.split()[0]}__{seed}_{number}")
                print(f"{number:8,} {fault}", flush=True)
        if number % 5000 == 4999:
            print(
                f"{number + 1:8,} inputs in {time.monotonic() - begun:,.0f} s, {sum(faults.values())} faults",
                flush=True,
            )
    path.unlink(missing_ok=True)
    return inputs, faults


def _by_loader(loaders: dict[str, Loader]) -> dict[str, list[bytes]]:
    """Return the files of the samples and of the bundled datasets by the loader that claims them."""
    files: dict[str, list[bytes]] = defaultdict(list)
    for name, seed in seeds():
        files[name].append(seed)
    for path, data in corpus(SAMPLES, ROOT / "datasets"):
        try:
            head = read_head(path, detect_compression(path))
        except AgentLensError:
            continue
        for name in [name for name, loader in loaders.items() if loader.sniff(head)]:
            files[name].append(data)
    return dict(files)


if __name__ == "__main__":
    main()
