"""How well likeness tells work on the task from other work: `python tests/benchmarks/embeddings.py [--minilm FOLDER] [--static FOLDER]`.

Runs of a dozen topics, each with a brief. A steady run keeps to its topic to the end, a wandering one goes on with another's
from its middle on. In half of the runs the steps use the words of the brief, in half they are paraphrases that share none.
Reported for each way to compare (the words alone, a sentence-transformers model, a static model2vec one): the area under the curve
(0.5 guesses, 1 tells all apart) of single steps, and of runs by the mean of their second half; the CPU seconds of embedding.
Then the same of whose_job: the planted steps of Herald against all other tool calls, own likeness less that to others.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from lens_builder import Step, agent, call, read_steps, tool

import agentlens as al
from agentlens import Lens

DATASETS = Path(__file__).resolve().parents[2] / "datasets"
# Topic: the brief; queries in its words; queries in other words.
TOPICS = [
    (
        "Compare the quarterly revenue of the harbour division with the ledger",
        ["harbour division revenue", "ledger of the quarter", "quarterly revenue harbour", "division ledger"],
        ["port income this term", "dockside earnings in the books", "maritime takings last three months", "accounts of the shipyard unit"],
    ),
    (
        "Find out why customers cancel their subscription",
        ["subscription cancel reasons", "customers who cancel", "cancelled subscription survey", "why customers leave"],
        ["churn drivers", "people ending their plan", "exit interviews of former members", "complaints before leaving"],
    ),
    (
        "Repair the login page that rejects correct passwords",
        ["login page rejects password", "correct passwords login", "repair login form", "password check of the page"],
        ["sign-in form bug", "authentication failure with valid credentials", "session cookie not set", "hash comparison of secrets"],
    ),
    (
        "Plan a vegetarian menu for a wedding of eighty guests",
        ["vegetarian wedding menu", "menu for eighty guests", "wedding guests vegetarian", "plan the menu"],
        ["meatless courses for a marriage feast", "seasonal vegetables catering", "cheese and lentil dishes", "dessert for a bridal party"],
    ),
    (
        "Summarise new research on sleep and memory",
        ["sleep and memory research", "new research on sleep", "memory during sleep", "summarise sleep studies"],
        ["hippocampal replay at night", "dreams and recall experiments", "napping improves learning", "insomnia and forgetting"],
    ),
    (
        "Write a press release about the electric bus line",
        ["press release electric bus", "electric bus line opening", "bus line release", "write about the electric bus"],
        ["announcement of battery powered public transport", "zero emission vehicles for commuters", "journalists invited to the depot", "new route timetable"],
    ),
    (
        "Check whether our supplier contracts allow early termination",
        ["supplier contracts termination", "early termination clause", "contracts with suppliers", "termination of the contract"],
        ["vendor agreements notice period", "exit clauses in procurement deals", "penalty for ending a purchase agreement", "cancellation rights of the buyer"],
    ),
    (
        "Measure how warm the bedrooms of the old house get in summer",
        ["bedrooms summer warm", "old house bedrooms", "measure warm rooms in summer", "house in summer"],
        ["indoor temperature sensors July", "overheating under the roof", "thermometer readings upstairs", "heat wave and insulation"],
    ),
    (
        "Translate the museum guide into Spanish",
        ["museum guide Spanish", "translate the guide", "Spanish museum guide", "guide of the museum"],
        ["Castilian wording for exhibit captions", "glossary of art terms in another language", "localise the visitor brochure", "proofread by a native speaker"],
    ),
    (
        "Find cheap flights from Vienna to Lisbon in May",
        ["flights Vienna Lisbon", "cheap flights in May", "Lisbon in May", "Vienna to Lisbon cheap"],
        ["low cost airline to Portugal", "airfare spring departure Austria", "budget carrier tickets", "plane connections with one stop"],
    ),
    (
        "Explain the rise of infections in the hospital ward",
        ["infections hospital ward", "rise of infections", "ward infections rise", "hospital infections"],
        ["bacteria outbreak among patients", "hand hygiene of nurses", "contaminated catheters", "resistant germs on the unit"],
    ),
    (
        "Choose a database for storing sensor readings",
        ["database sensor readings", "storing sensor data in a database", "choose a database", "sensor storage"],
        ["time series engine benchmark", "columnar store for telemetry", "compression of measurements", "retention policy of metrics"],
    ),
]  # fmt: skip


def make_runs(folder: Path) -> Lens:
    """Write steady and wandering runs of eight steps for every topic, in the words of the brief and in others, and read them."""
    steps: list[Step] = []
    for number, (brief, *ways) in enumerate(TOPICS):
        for way, own in zip(("same", "other"), ways):
            elsewhere = TOPICS[(number + 5) % len(TOPICS)][1 if way == "same" else 2]
            for kind, queries in (("steady", own + own[::-1]), ("wandering", own + elsewhere)):
                run = f"{kind}-{way}-{number}"
                asked = [{"role": "user", "parts": [{"type": "text", "content": brief}]}]
                steps += [agent(run, end=500, trace=run), call(f"c-{run}", run, 0, trace=run, inputs=asked)]
                steps += [
                    tool(f"search#{run}-{place}", run, place + 1, trace=run, agent=run, arguments={"q": query})
                    for place, query in enumerate(queries)
                ]
    return read_steps(folder, steps)


def area(positive: list[float], negative: list[float]) -> float:
    """Return how often a positive is above a negative; ties count half."""
    high, low = np.array(positive)[:, None], np.array(negative)[None]
    return float((high > low).mean() + (high == low).mean() / 2)


def judge(lens: Lens, column: str, way: str) -> tuple[float, float]:
    """Return the areas of steps on the task over steps that are not, and of steady runs over wandering ones."""
    rows = lens.sql(
        f"SELECT agent_name, step, coalesce({column}, 0) FROM goal_alignment WHERE agent_name LIKE '%-{way}-%' ORDER BY ALL"
    ).fetchall()
    on = [value for run, step, value in rows if run.startswith("steady") or step <= 4]
    off = [value for run, step, value in rows if run.startswith("wandering") and step > 4]
    means: dict[str, list[float]] = {}
    for run, step, value in rows:
        if step > 4:
            means.setdefault(run, []).append(value)
    runs = {
        kind: [float(np.mean(v)) for run, v in means.items() if run.startswith(kind)]
        for kind in ("steady", "wandering")
    }
    return area(on, off), area(runs["steady"], runs["wandering"])


def judge_jobs(lens: Lens, own: str, other: str) -> float:
    """Return the area of Herald's planted steps over all other tool calls, by how much more they are like another's duties."""
    truth: dict[str, Any] = json.loads((DATASETS / "truth" / "whose_job.json").read_text("utf-8"))
    planted = set(truth["faults"][0]["span_ids"])
    rows = lens.sql(
        f"SELECT span_id, coalesce({other}, 0) - coalesce({own}, 0) FROM identity_alignment WHERE tool_name IS NOT NULL"
    ).fetchall()
    return area([v for span, v in rows if span in planted], [v for span, v in rows if span not in planted])


def show(name: str, runs: Lens, jobs: Lens, columns: tuple[str, str, str], embedding: str) -> None:
    """Print one line of the table."""
    figures = [figure for way in ("same", "other") for figure in judge(runs, columns[0], way)]
    print(
        f"{name:22}"
        + "".join(f"{figure:9.3f}" for figure in (*figures, judge_jobs(jobs, *columns[1:])))
        + f"  {embedding}"
    )


def main() -> None:
    """Compare the ways that are at hand."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minilm", type=Path, help="folder of a sentence-transformers model")
    parser.add_argument("--static", type=Path, help="folder of a model2vec model")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runs, jobs = make_runs(Path(folder)), al.read(DATASETS / "whose_job", progress=False)
        print(f"{'':22}  in the words of the brief   in other words   whose_job")
        print(f"{'':22}    steps     runs    steps     runs    steps")
        show("words", runs, jobs, ("alignment", "own_weight", "other_weight"), "")
        for name, path in (("sentence-transformers", chosen.minilm), ("model2vec", chosen.static)):
            if path is None:
                continue
            model: Any = path
            if name == "sentence-transformers":
                from sentence_transformers import SentenceTransformer

                model = SentenceTransformer(str(path), device="cpu", local_files_only=True)
            begin = time.process_time()
            count = runs.embed(model) + jobs.embed(model)
            spent = time.process_time() - begin
            show(
                name,
                runs,
                jobs,
                ("similarity", "similarity", "other_similarity"),
                f"{count / spent:,.0f} texts a CPU second",
            )


if __name__ == "__main__":
    main()
