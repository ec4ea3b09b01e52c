"""The `%%lens` cell magic, in a real IPython shell."""

from __future__ import annotations

import polars as pl
import pytest
from IPython.core.interactiveshell import InteractiveShell

import agentlens as al
from agentlens._magic import find_parameters


@pytest.fixture(scope="module")
def lens(tmp_path_factory):
    log = tmp_path_factory.mktemp("magic") / "beats.log"
    log.write_text(
        "Wave 14 | 2026-04-14 14:23:11\nAgents:\nApollo: COMPLETE (mail)\nHermes: BLOCKED (token)\nNext: wait\n"
    )
    with al.read(log, progress=False) as lens:
        yield lens


@pytest.fixture
def shell():
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "agentlens")
    yield shell
    InteractiveShell.clear_instance()


def test_a_cell_answers_with_a_polars_frame(shell, lens):
    shell.user_ns["lens"] = lens
    frame = shell.run_cell_magic("lens", "", "SELECT agent_name, status FROM status_reports ORDER BY agent_name;\n")
    assert isinstance(frame, pl.DataFrame)
    assert frame.rows() == [("Apollo", "COMPLETE"), ("Hermes", "BLOCKED")]


def test_out_keeps_the_frame_in_a_variable_and_shows_nothing(shell, lens):
    shell.user_ns["case"] = lens
    assert shell.run_cell_magic("lens", "case --out kept", "SELECT count(*) AS n FROM status_reports") is None
    assert shell.user_ns["kept"].item() == 2


@pytest.mark.parametrize("query", ["SELECT $who AS who", "SELECT {who} AS who"])
def test_a_variable_is_a_value_and_never_sql(shell, lens, query):
    shell.user_ns |= {"lens": lens, "who": "x'; DROP TABLE spans; --"}
    assert shell.run_cell_magic("lens", "", query).item() == "x'; DROP TABLE spans; --"
    assert lens.sql("SELECT count(*) FROM spans").fetchall() == [(0,)]


def test_names_in_strings_comments_and_quoted_names_stay_text():
    query = """SELECT '$a {b}', "$c", $$ {d} $$, {e} -- $f\n/* $g */ WHERE x = $h"""
    assert find_parameters(query) == (query.replace("{e}", "$e"), ["e", "h"])


@pytest.mark.parametrize(
    ("line", "query", "said"),
    [
        ("", "SELECT 1", "There is no variable 'lens'.*These variables hold one: mine"),
        ("number", "SELECT 1", "A int is in the variable 'number'"),
        ("mine other", "SELECT 1", "does not understand 'mine other'"),
        ("mine --out", "SELECT 1", "--out needs the name"),
        ("mine", "SELECT $absent", r"uses \$absent"),
        ("mine", "SELEC 1", "could not be answered"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_a_sentence(shell, lens, line, query, said):
    shell.user_ns |= {"mine": lens, "number": 1}
    with pytest.raises(al.AgentLensError, match=said):
        shell.run_cell_magic("lens", line, query)


def test_a_missing_lens_says_how_to_make_one(shell):
    with pytest.raises(al.AgentLensError, match=r"lens = al\.read"):
        shell.run_cell_magic("lens", "", "SELECT 1")
