"""How much dearer the ledger is than a plain sum: one column over millions of usage records, in interleaved rounds.

`python tests/benchmarks/usage_ledger.py [RECORDS]` (10,000,000 by default) makes spans in the database itself: agents with a total
above ten calls, one call in ten logged twice. It prints the CPU seconds for writing the ledger (once a read), and the ratio of
the time of a sum over its counted records to that of the plain sum of the same column in `spans`. The bar is 6.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import agentlens as al
from agentlens._finish import judge_usage
from agentlens.pricing import price_models

BAR = 6.0
SPANS = """
INSERT INTO spans BY NAME
SELECT
  'trace' || (n // 11000) AS trace_id, 's' || n AS span_id, CASE WHEN n % 11 = 0 THEN 'run' ELSE 'chat' END AS name,
  CASE WHEN n % 11 = 0 THEN 'invoke_agent' ELSE 'chat' END AS operation_name, 'agent' || (n // 11 % 50) AS agent_name,
  make_timestamp_ns(1767225600000000000 + n * 1000000) AS start_time, make_timestamp_ns(1767225600000000000 + n * 1000000 + 500000) AS end_time,
  'UNSET' AS status_code, false AS is_control_flow, 'openai' AS provider_name, CASE WHEN n % 11 > 0 THEN 'gpt-4.1' END AS request_model,
  CASE WHEN n % 11 = 0 THEN 10000 ELSE 900 + n % 200 END AS input_tokens, n % 300 AS output_tokens, n % 800 AS cache_read_input_tokens,
  CASE WHEN n % 11 = 0 THEN 'rollup' ELSE 'self' END AS usage_scope,
  CASE WHEN n % 11 IN (9, 10) THEN 'call' || (n - n % 11) END AS usage_key, '{}' AS attributes,
  false AS is_agent_inherited, false AS is_conversation_inherited, false AS is_orphan, false AS is_cycle_broken,
  's' || (n - n % 11) AS root_span_id, CASE WHEN n % 11 = 0 THEN 0 ELSE 1 END AS depth, n AS preorder,
  CASE WHEN n % 11 = 0 THEN n + 11 ELSE n + 1 END AS subtree_end, 1 AS source_id, n AS source_line, n * 100 AS source_offset, 100 AS source_length
FROM range($records) AS made(n)
"""
# Calls logged once, and of those logged twice the record with more output.
EXPECTED = """
SELECT sum(CASE WHEN n % 11 BETWEEN 1 AND 8 OR n % 11 = (CASE WHEN (n - n % 11 + 10) % 300 > (n - n % 11 + 9) % 300 THEN 10 ELSE 9 END)
  THEN 900 + n % 200 ELSE 0 END)
FROM range($records) AS made(n)
"""
PLAIN = "SELECT sum(input_tokens) FROM spans"
LEDGER = "SELECT sum(input_tokens) FROM usage_ledger WHERE is_counted"


def measure(con: object, query: str) -> float:
    """Return the seconds a query takes."""
    begin = time.perf_counter()
    con.execute(query).fetchall()  # type: ignore[attr-defined]
    return time.perf_counter() - begin


def main(records: int) -> int:
    """Print the figures; return 1 when the bar is missed."""
    records -= records % 11
    folder = Path(tempfile.mkdtemp())
    (folder / "beats.log").write_text("Wave 1 | 2026-01-01 00:00:00\nA: COMPLETE (x)\n")
    with al.read(folder / "beats.log", into=folder / "case.duckdb", locked=False, progress=False) as lens:
        con = lens._con
        con.execute(SPANS, {"records": records})
        price_models(con)
        begin = time.process_time()
        judge_usage(con)
        written = time.process_time() - begin
        con.execute("CHECKPOINT")
        expected = con.execute(EXPECTED, {"records": records}).fetchall()[0][0]
        rounds = [(measure(con, PLAIN), measure(con, LEDGER)) for _ in range(9)]
        counted = con.execute(LEDGER).fetchall()[0][0]
    plain, ledger = (statistics.median(column) for column in zip(*rounds))
    print(
        f"{records:,} records: ledger written in {written:.1f} CPU s; plain sum {plain * 1e3:.1f} ms, ledger {ledger * 1e3:.1f} ms,"
    )
    print(f"ratio {ledger / plain:.2f} (bar {BAR}); counted {counted:,} input tokens, {expected:,} expected")
    return 0 if ledger / plain <= BAR and counted == expected else 1


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("records", type=int, nargs="?", default=10_000_000)
    sys.exit(main(asked.parse_args().records))
