"""Lens: an open DuckDB database of evidence."""

from __future__ import annotations

import atexit
import contextlib
import functools
import glob
import hashlib
import html
import os
import shutil
import tempfile
import time
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import duckdb

from agentlens import __version__
from agentlens._catalog import SCHEMA_VERSION, evidence, install_library, install_schema, library, quote, table_columns
from agentlens._errors import AgentLensError, LensVersionError
from agentlens._finish import judge_usage

if TYPE_CHECKING:
    from agentlens._sensitive import Rule
    from agentlens._sentence_vectors import Encoder

DUCKDB_MAGIC = b"DUCK"
TEMPLATE_SECONDS = 30 * 24 * 3600
LOCKS = (
    "SET enable_external_access = false",
    "SET python_enable_replacements = false",
    "SET lock_configuration = true",
)


class Lens:
    """Everything that was read, as a database: ask with `sql()`, or name a table or view (`lens.spans`).

    Made by `agentlens.read()`. Every table and view is an attribute that returns a DuckDB relation (`.pl()`, `.arrow()`,
    `.df()`); `catalog()` describes them all. A lens is a context manager, and one process at a time may hold a saved one.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, path: Path | None, spill: Path) -> None:
        self._con = con
        self.path = path
        self._finalizer = weakref.finalize(self, shutil.rmtree, spill, ignore_errors=True)

    def sql(self, query: str, /, **params: Any) -> duckdb.DuckDBPyRelation:
        """Return the answer to a query as a DuckDB relation; `$name` in the query takes the keyword `name`.

        The relation is lazy: it runs when `.pl()`, `.arrow()`, `.df()` or `.fetchall()` is called.
        """
        self._index_flow(query)
        relation = self._con.sql(query, params=params) if params else self._con.sql(query)
        if relation is None:
            relation = self._con.sql("SELECT 'done' AS result")
        return relation

    def origin(self, text_or_span_id: str) -> duckdb.DuckDBPyRelation:
        """Return where a value, a text or what a step knew first appeared, by whose hand, and every hop since: `git blame` for what agents knew.

        Columns: `hop` (0 where it first appeared in the log), `kind` (first, carried, quoted, read_after_write, similar), `confidence` (certain, likely,
        possible), `trace_id, from_span_id, to_span_id, agent_name` (whose step it came to), `start_time, evidence`. Values (numbers, dates, identifiers,
        paths, addresses) are found as whole tokens, other texts as whole words; a number written otherwise (12,500 as 12.5k) is `similar`. For the id of
        a span: hop 1 is what it was given and repeats, hop 2 where that came from, and so on. The first call works out the flow graph.
        """
        from agentlens import _lineage

        return _lineage.origin(self._con, text_or_span_id)

    def consumers(self, span_id: str) -> duckdb.DuckDBPyRelation:
        """Return what later used what a step said, asked or answered, hop by hop; columns as in `origin`."""
        from agentlens import _lineage

        return _lineage.consumers(self._con, span_id)

    def explain(
        self, selection: str | Sequence[str], min_n: int = 5, against: str | Sequence[str] | None = None
    ) -> duckdb.DuckDBPyRelation:
        """Return what is said of a selection more often than of the rest, strongest first: what may explain it.

        `selection` is a list of span ids or of trace ids, or an SQL condition over `spans`; `against` is what it is compared with, said the same
        way (all others if not given): the slow runs of an agent are best explained against its other runs. Every column, version,
        attribute, argument, step above, size and word is weighed: `kind, feature, value, inside, outside` (how many of
        the `inside_total` chosen and the `outside_total` others have it), `ratio` (of the odds, with its 95 % interval
        `ratio_low, ratio_high`), `p_value` (Fisher's exact test, one-sided) and `q_value` (at most that share of what is
        above is false, Benjamini and Hochberg), `also` (what comes to exactly the same) and `sql`, the query behind the
        row. What fewer than `min_n` of the chosen have is left out, and so are outcomes and what a condition names.

        Raises AgentLensError for an empty selection, a condition that is no SQL, and traces against spans.
        """
        from agentlens import _explain

        return _explain.explain(self._con, selection, min_n, against)

    def embed(self, model: str | os.PathLike[str] | Encoder) -> int:
        """Compare by meaning and not only by words: embed briefs, steps and definitions, and return how many texts that were.

        From then on `goal_alignment` and `identity_alignment` have their columns of similarity (cosine, -1 to 1) filled. `model` is a folder
        with a model2vec model (`model.safetensors`, `tokenizer.json`, `config.json`), for which agentlens is installed with its extra
        `[embeddings]`, or any object whose `encode(texts)` returns an array of a row a text, such as a `SentenceTransformer`. Nothing is ever
        downloaded. The vectors are kept in `text_vectors`; call it again after reading more.

        Raises AgentLensError where the folder holds no model, the extra is not installed, or the encoder gives no vectors.
        """
        from agentlens import _sentence_vectors

        return _sentence_vectors.embed(self._con, model)

    def catalog(self) -> duckdb.DuckDBPyRelation:
        """Return every table, view, macro and column with its description: `kind, name, column_name, data_type, description`."""
        return self.sql("FROM catalog")

    def root_cause(self, incident: str, /, **limits: int) -> duckdb.DuckDBPyRelation:
        """Return what may have caused an incident, the best hypothesis first, each with its chain and what speaks for and against it.

        `incident` is the span that looks wrong (a failed run, a bad deliverable), or a trace, which stands for its root (of several
        for the largest, the last of equal ones). Columns as of the macro
        `root_causes`, whose limits (`most`, `max_hops`) are keywords; `span_ids` is the chain from cause to harm, ready for the
        `selection` of an explorer. No rows mean that nothing in the log speaks for a cause.

        Raises AgentLensError for an id that is no span and no trace, and when `agentlens.detect()` has not run on this lens.
        """
        found = self.sql(
            "SELECT trace_id, span_id FROM spans WHERE span_id = $id OR (trace_id = $id AND depth = 0) ORDER BY span_id <> $id, subtree_end - preorder DESC, start_time DESC NULLS LAST, preorder LIMIT 1",
            id=incident,
        ).fetchall()
        if not found:
            raise AgentLensError(f"{incident!r} is no span and no trace of this lens; `lens.spans` has their ids.")
        if not self.sql("FROM checks LIMIT 1").fetchall():
            raise AgentLensError("Causes are sought among findings; run `agentlens.detect(lens)` first.")
        given = "".join(f", {name} := ${name}" for name in limits)
        query = f"FROM root_causes(of_trace_id := $trace_id, of_span_id := $span_id{given})"
        return self.sql(query, trace_id=found[0][0], span_id=found[0][1], **limits)

    def note(self, text: str, spans: str | Iterable[str] = (), section: str | None = None) -> int:
        """Keep a note in the lens, pinned to spans by their ids (`tree.selection`), and return its number.

        `section` says where it belongs in the post-mortem of the report: impact, timeline, cause, factor or action. The table
        `notes` has them all; `lens.sql("DELETE FROM notes WHERE note_id = 3")` takes one back. Reading more logs leaves it.

        Raises AgentLensError for an empty note, an unknown section, and a span that is not in the lens.
        """
        from agentlens import _investigation

        return _investigation.note(self._con, text, spans, section)

    def hypothesis(
        self, statement: str, status: str = "open", spans: str | Iterable[str] = (), reason: str | None = None
    ) -> None:
        """Keep in the lens what is suspected: open, confirmed or rejected, with the spans that speak for it or against it.

        The same statement again changes its status and adds spans. The table `hypotheses` has them all, and so has the report.

        Raises AgentLensError for another status, a span that is not in the lens, and one confirmed without any evidence.
        """
        from agentlens import _investigation

        _investigation.hypothesis(self._con, statement, status, spans, reason)

    def save_query(self, name: str, query: str) -> duckdb.DuckDBPyRelation:
        """Keep a question in the lens under a name and return its answer; from then on `lens.<name>` asks it again.

        The report shows its answer. The table `saved_queries` has them all.

        Raises AgentLensError for what is not one SELECT, takes more than a minute to begin, or has a name that is taken.
        """
        from agentlens import _investigation

        _investigation.save_query(self._con, name, query, {*super().__dir__(), *self._names()})
        return self.sql(query)

    def save(
        self, path: str | os.PathLike[str], redact: bool = False, rules: Sequence[Rule] = (), keep: Iterable[str] = ()
    ) -> Path:
        """Write the lens to a `.duckdb` file that explains itself, whole or not at all; an older lens there is replaced.

        With `redact`, secrets and personal data are replaced by stable pseudonyms such as `[github_token:1]`, by known
        patterns and by `rules` of your own; values in `keep` stay. Joins, counts and sums are those of the original: the
        table `redaction_proofs` compares them.

        Raises AgentLensError when something that is no lens stands at `path`, and when the redaction is not certain.
        """
        target = Path(path).expanduser().resolve()
        if target == self.path:
            raise AgentLensError(f"{target} is the file this lens lives in; give another path for a copy.")
        if target.exists() and not is_lens_file(target):
            raise AgentLensError(f"{target} exists and is no lens. Choose another path or remove it first.")
        with written_whole(target) as part:
            other, spill = connect(part)
            with contextlib.closing(Lens(other, part, spill)) as copy:
                prepare(other)
                if redact:
                    from agentlens._redacted_copy import fill_redacted
                    from agentlens._redaction import Redactor

                    fill_redacted(self, copy, Redactor(rules, keep))
                else:
                    self._fill(other)
        return target

    def _fill(self, other: duckdb.DuckDBPyConnection) -> None:
        """Copy every table into another lens."""
        for table in table_columns(other):
            other.execute(f"DELETE FROM {table}")
            other.register("arriving", self._con.cursor().sql(f"FROM {table}").to_arrow_reader())
            other.execute(f"INSERT INTO {table} BY NAME FROM arriving")
            other.unregister("arriving")

    def close(self) -> None:
        """Close the database; the lens cannot be asked any more."""
        self._con.close()
        self._finalizer()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __getattr__(self, name: str) -> duckdb.DuckDBPyRelation:
        if not name.startswith("_") and name in self._names():
            return self.sql(f'FROM "{name}"')
        if not name.startswith("_") and (query := self._saved_queries().get(name)):
            return self.sql(query)
        raise AttributeError(f"no table or view is called {name!r}; `lens.catalog()` lists them")

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._names(), *self._saved_queries()})

    def __repr__(self) -> str:
        rows = self._summary()
        width = max(len(what) for what, _ in rows)
        return "\n".join(["Lens", *(f"  {what:<{width}}  {value}" for what, value in rows)])

    def _repr_html_(self) -> str:
        cells = "".join(
            f'<tr><th style="text-align:left">{html.escape(what)}</th><td style="text-align:left">{html.escape(value)}</td></tr>'
            for what, value in self._summary()
        )
        return f"<table><caption style='text-align:left'><b>Lens</b></caption>{cells}</table>"

    def _ask(self, query: str, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Return all rows of a query as dicts, on a cursor of its own: no unfinished answer stands in the way, and it is planned once."""
        self._index_flow(query)
        cursor = self._con.cursor()
        cursor.execute(query, dict(params or {}))
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, row)) for row in cursor.fetchall()]

    def _index_flow(self, query: str) -> None:
        """Work out the flow graph before a query that asks for it."""
        from agentlens import _lineage

        if _lineage.mentions_flow().search(query):
            _lineage.index_flow(self._con)

    def _summary(self) -> list[tuple[str, str]]:
        return self._con.cursor().execute("FROM lens_summary").fetchall()

    def _names(self) -> list[str]:
        query = """
            SELECT table_name FROM duckdb_tables() WHERE NOT internal AND database_name = current_database()
            UNION ALL SELECT view_name FROM duckdb_views() WHERE NOT internal AND database_name = current_database()
        """
        return [name for (name,) in self._con.cursor().execute(query).fetchall() if not name.startswith("_")]

    def _saved_queries(self) -> dict[str, str]:
        return dict(self._con.cursor().execute("SELECT name, query FROM saved_queries").fetchall())


def is_lens_file(path: Path) -> bool:
    """Whether a file is a DuckDB database (the lens itself is checked when it is opened)."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(12)[8:12] == DUCKDB_MAGIC


def connect(path: Path | None) -> tuple[duckdb.DuckDBPyConnection, Path]:
    """Return a connection to a database file (in memory for None), and the folder it may spill to.

    DuckDB may neither install nor load extensions: a lens needs none and reaches no network.
    """
    if path and path.exists() and path.stat().st_size and not is_lens_file(path):  # DuckDB would write over a short one
        raise AgentLensError(f"{path} cannot be opened as a lens: it is no DuckDB database. Choose another path.")
    spill = Path(tempfile.mkdtemp(prefix="agentlens-"))
    settings: dict[str, Any] = {
        "temp_directory": str(spill),
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    try:
        con = duckdb.connect(str(path) if path else ":memory:", config=settings)
    except duckdb.Error as error:
        shutil.rmtree(spill, ignore_errors=True)
        if "lock" in str(error).lower():
            raise AgentLensError(
                f"{path} is open in another process. Close it there (in a notebook: `lens.close()`)."
            ) from error
        raise AgentLensError(_why_closed(path, error)) from error
    con.execute("SET enable_progress_bar = false")  # it would write into the output of scripts
    return con, spill


def _why_closed(path: Path | None, error: duckdb.Error) -> str:
    """Return why a database file cannot be opened, and what to do."""
    if path and path.exists() and not os.access(path, os.W_OK):
        return f"{path} may not be written to, and a lens keeps its findings and notes in itself. Copy it to where you may write, and open the copy."
    return f"{path} cannot be opened as a lens: {error}"


def prepare(con: duckdb.DuckDBPyConnection) -> None:
    """Make sure that tables, views and comments are there and up to date; LensVersionError for another schema version."""
    if "lens_properties" not in [name for (name,) in con.execute("SELECT table_name FROM duckdb_tables()").fetchall()]:
        if con.execute("SELECT 1 FROM duckdb_tables() WHERE NOT internal LIMIT 1").fetchall():
            raise AgentLensError(f"{database_file(con)} is a DuckDB database but no lens. Read logs into another file.")
        _copy_template(con)
    properties = dict(con.execute("FROM lens_properties").fetchall())
    if properties.get("schema_version") != str(SCHEMA_VERSION):
        raise LensVersionError(
            f"{database_file(con)} has lens schema version {properties.get('schema_version')}; this agentlens reads version "
            f"{SCHEMA_VERSION}. Read the logs again, or open it with the agentlens that wrote it "
            f"({properties.get('agentlens_version', 'unknown')})."
        )
    if properties.get("library") != _library_digest():
        install_schema(con)  # tables that have been added since
        install_library(con)
        judge_usage(con)
        _state_properties(con)


def _state_properties(con: duckdb.DuckDBPyConnection) -> None:
    values = {"schema_version": SCHEMA_VERSION, "library": _library_digest(), "agentlens_version": __version__}
    for name, value in values.items():
        con.execute("DELETE FROM lens_properties WHERE name = $name", {"name": name})
        con.execute("INSERT INTO lens_properties VALUES ($name, $value)", {"name": name, "value": str(value)})


def _copy_template(con: duckdb.DuckDBPyConnection) -> None:
    """Fill an empty database with tables, views and comments: a copy takes a thirtieth of the time of making them."""
    name = con.execute("SELECT current_database()").fetchall()[0][0]
    con.execute(f"ATTACH {quote(str(_template()))} AS template (READ_ONLY)")
    con.execute(f'COPY FROM DATABASE template TO "{name}"')
    con.execute("DETACH template")


@functools.cache
def _template() -> Path:
    """Return an empty lens that is made the first time one is needed, and kept among the user's caches for later processes."""
    name = f"empty-lens-{__version__}-{SCHEMA_VERSION}-{_library_digest()}-duckdb-{duckdb.__version__}.duckdb"
    path = _cache_folder() / name
    if not _opens(path):  # none yet, or a damaged one
        _forget_old_templates(path.parent)
        with written_whole(path) as part, duckdb.connect(str(part)) as con:
            con.execute("BEGIN")
            install_schema(con)
            install_library(con)
            _state_properties(con)
            con.execute("COMMIT")
    return path


def _opens(path: Path) -> bool:
    try:
        duckdb.connect(str(path), read_only=True).close()
    except duckdb.Error:
        return False
    return True


def _forget_old_templates(folder: Path) -> None:
    """Remove the empty lenses that other versions left behind more than a month ago."""
    for path in folder.glob("empty-lens-*.duckdb"):
        with contextlib.suppress(FileNotFoundError):  # another process was faster
            if time.time() - path.stat().st_mtime > TEMPLATE_SECONDS:
                path.unlink()


def _cache_folder() -> Path:
    """Return a folder that outlives the process; where none can be written, one that is removed when it ends."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "agentlens"  # noqa: PTH111  (without a home it stays)
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    if os.access(folder, os.W_OK):
        return folder
    folder = Path(tempfile.mkdtemp(prefix="agentlens-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def begin_reading(con: duckdb.DuckDBPyConnection, memory: int | None) -> None:
    """Limit the memory of a database that is about to be filled to so many bytes, to what DuckDB takes by default for None.

    What is committed goes into the file at once, within the limit, and row groups that are not full are written anew, all of a lens
    at worst. A log beside the file would hold two thousand rows in memory, twice, and leave the rest to closing, without a limit.
    """
    con.execute(f"SET memory_limit = '{memory}B'" if memory else "RESET memory_limit")
    con.execute("SET force_compression = 'zstd'")
    if database_file(con):
        con.execute("SET checkpoint_threshold = '1B'")


def commit_reading(con: duckdb.DuckDBPyConnection) -> None:
    """Drop what reading staged, so that it is not kept for the commit, and commit."""
    for (name,) in con.execute("SELECT table_name FROM duckdb_tables() WHERE temporary").fetchall():
        con.execute(f'DROP TABLE temp."{name}"')
    con.execute("COMMIT")


def end_reading(con: duckdb.DuckDBPyConnection) -> None:
    """Lift the limit of memory."""
    for setting in ("memory_limit", "force_compression", "checkpoint_threshold"):
        con.execute(f"RESET {setting}")


def lock(con: duckdb.DuckDBPyConnection) -> None:
    """Close the database to the outside: no files, no Python variables, no change of settings."""
    for statement in LOCKS:
        con.execute(statement)


def database_file(con: duckdb.DuckDBPyConnection) -> str | None:
    """Return the path of the file a database lives in, None when it lives in memory."""
    rows = con.execute("SELECT path FROM duckdb_databases() WHERE database_name = current_database()").fetchall()
    return rows[0][0] and str(rows[0][0])


def _library_digest() -> str:
    text = "".join(item.statement + item.comment for module in (*evidence(), *library()) for item in module.objects)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@contextlib.contextmanager
def written_whole(target: Path) -> Iterator[Path]:
    """Give a path beside the target that takes its place when the block ends well, and is removed when it does not.

    What a killed process left there is removed too.
    """
    if not target.parent.is_dir():
        raise AgentLensError(f"{target} cannot be written: the folder {target.parent} does not exist. Make it first.")
    if not os.access(target.parent, os.W_OK):
        raise AgentLensError(f"{target} cannot be written: nothing may be written to {target.parent}. Choose another.")
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    _sweep(target)
    try:
        yield part
        part.replace(target)
    finally:
        for leftover in (part, part.with_name(part.name + ".wal")):
            leftover.unlink(missing_ok=True)


def _sweep(target: Path) -> None:
    """Remove parts of the target that no living process writes."""
    for leftover in target.parent.glob(f".{glob.escape(target.name)}.*.part*"):
        pid = leftover.name.removeprefix(f".{target.name}.").partition(".")[0]
        if pid.isdecimal() and not _is_alive(int(pid)):
            leftover.unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
