"""Chance is not called change: laws of the statistics behind drift, on simulated fleets with fixed seeds.

The full sweep (null fleets by the thousand, power against sample size) is `tests/benchmarks/drift_power.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import ruptures
from drift_fleets import lengthened, made_series
from scipy.stats import false_discovery_control, ks_2samp, rankdata

from agentlens.detectors import change_points as cp
from agentlens.detectors.change_effects import _resampled_medians, measure_effect
from agentlens.detectors.drift import control


def scanned(seed: int, count: int, **kind: object) -> cp.Scan:
    rng = np.random.default_rng(seed)
    return cp.scan(*made_series(rng, count, **kind), rng)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [{}, {"memory": 0.5}, {"mix_shift": True}], ids=["plain", "dependent", "other work"])
def test_a_series_without_change_is_rarely_called_changed(kind: dict[str, object]) -> None:
    p_values = np.array([scanned(seed, 60, **kind).p_value for seed in range(120)])
    assert (p_values <= 0.05).mean() <= 0.10
    assert (p_values <= 0.001).sum() <= 1


def test_draws_that_end_early_leave_every_p_value_up_to_the_limit_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def p_value(seed: int) -> float:
        kinds: list[dict[str, object]] = [{}, {"memory": 0.3}, {"step": 0.25}, {"step": 0.15}, {"step": 1.5}]
        values, strata = made_series(np.random.default_rng(seed), 300 + seed, **kinds[seed % 5])  # type: ignore[arg-type]
        return cp.scan(values, np.zeros_like(strata), np.random.default_rng(seed)).p_value

    early = [p_value(seed) for seed in range(60)]
    monkeypatch.setattr(cp, "CLEARLY_BEYOND", 2)
    monkeypatch.setattr(cp, "MORE_BEYOND", cp.MORE_DRAWS + 1)
    monkeypatch.setattr(cp, "SURE", 0.0)
    whole = [p_value(seed) for seed in range(60)]
    assert 10 <= sum(p <= 0.05 for p in whole) <= 50
    for little, all_of_them in zip(early, whole):
        if all_of_them <= 0.05 and little > 2 * 1e-6:
            assert little == pytest.approx(all_of_them, rel=1e-9)
    assert [p <= 0.05 for p in early] == [p <= 0.05 for p in whole]
    # What is called sure by few draws is sure by all of them.
    sure = [(little, all_of_them) for little, all_of_them in zip(early, whole) if little <= 2 * 1e-6]
    assert len(sure) >= 5 and all(all_of_them <= 1e-5 for _, all_of_them in sure)
    assert any(little != all_of_them for little, all_of_them in sure)
    assert early != whole


@pytest.mark.parametrize("count", [1, 2, 3, 8, 9, 500, 2_501])
def test_medians_of_bootstrap_samples_are_distributed_as_if_the_samples_had_been_drawn(count: int) -> None:
    values = np.round(np.random.default_rng(count).lognormal(size=count), 1)  # with ties
    size = min(count, 2_000)
    drawn = np.concatenate([_resampled_medians(values, np.random.default_rng(seed)) for seed in range(10)])
    plain = np.median(values[np.random.default_rng(1).integers(0, count, (4_000, size))], axis=1)
    assert ks_2samp(drawn, plain, method="asymp").pvalue > 0.001
    assert drawn.min() >= values.min() and drawn.max() <= values.max()


def test_a_doubling_is_found_and_dated() -> None:
    shapes = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        values, strata = made_series(rng, 160, step=1.0)
        found = cp.scan(values, strata, rng)
        assert found.p_value < 0.001
        shapes.append(found.shape)
        (at, *_) = cp.split(values, strata, found.inflation)
        first, last = cp.date_range(values, strata, 0, at, 160, found.inflation)
        assert abs(at - 80) <= 15 and first - 3 <= 80 <= last + 3
    assert shapes.count("step") >= 9


def test_the_interval_of_the_date_holds_the_date_nineteen_times_in_twenty() -> None:
    inside = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        values, strata = made_series(rng, 120, step=1.0)
        at = cp.split(values, strata, 1.0)[0]
        first, last = cp.date_range(values, strata, 0, at, 120, 1.0)
        inside += first <= 60 <= last
    assert inside >= 52


def test_the_size_is_that_of_like_work_whatever_the_mix() -> None:
    """Work that takes four times as long becomes common; each kind takes a half longer. The answer is a half."""
    rng = np.random.default_rng(3)
    strata = np.where(np.arange(600) < 300, rng.random(600) < 0.2, rng.random(600) < 0.8).astype(np.int64)
    values = np.exp(rng.normal(0, 0.2, 600)) * (1 + 3 * strata)
    values[300:] *= 1.5
    effect = measure_effect(values, strata, 300, False, rng)
    assert effect.difference / effect.before == pytest.approx(0.5, abs=0.1)
    assert effect.low < 0.5 * effect.before < effect.high


def test_a_slow_slope_is_called_a_slope() -> None:
    found = [scanned(seed, 200, slope=2.0) for seed in range(10)]
    assert all(one.p_value < 0.001 for one in found)
    assert sum(one.shape == "slope" for one in found) >= 9


def test_two_changes_are_told_apart() -> None:
    rng = np.random.default_rng(5)
    values = np.exp(rng.normal(0, 0.3, 180))
    values[60:120] *= 3
    assert np.abs(np.array(cp.split(values, np.zeros(180, dtype=np.int64), 1.0)) - [60, 120]).max() <= 3


@pytest.mark.parametrize("seed", range(6))
def test_changes_of_a_long_series_are_those_that_all_its_observations_show(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = np.exp(rng.normal(0, 0.5, 4_001 + 900 * seed))
    for at in sorted(rng.integers(300, len(values) - 300, seed)):
        values[at:] *= rng.choice([0.6, 1.7, 2.5])
    scores = cp.score_within(values, strata := np.zeros(len(values), dtype=np.int64))
    whole = ruptures.KernelCPD(kernel="linear", min_size=5).fit(scores).predict(pen=3 * np.log(len(values)))[:-1]
    found = cp.split(values, strata, 1.0)
    assert found == (whole or [int(np.argmax(np.abs(np.cumsum(scores)[4:-5]) / weights(len(values)))) + 5])


def weights(count: int) -> Any:
    """Return the standard deviation of the sum before each split of so many exchangeable scores that add up to nothing, five or more on a side."""
    sizes = np.arange(5, count - 4)
    return np.sqrt(sizes * (count - sizes) / count)


def test_a_long_series_gives_the_same_verdict_as_a_short_one() -> None:
    rng = np.random.default_rng(6)
    values, strata = made_series(rng, 6_000, step=0.3)
    assert cp.scan(values, strata, rng).p_value < 1e-6
    assert cp.scan(*lengthened(made_series(rng, 3_000)), rng).p_value > 0.01


@pytest.mark.parametrize("values", [[1.0] * 40, [0.0] * 39 + [1.0], list(range(12)), [np.inf] * 20 + [1.0] * 20])
def test_constant_tied_short_and_infinite_series_are_answered(values: list[float]) -> None:
    found = cp.scan(np.array(values, dtype=float), np.zeros(len(values), dtype=np.int64), np.random.default_rng(0))
    assert 0 < found.p_value <= 1


def test_false_discovery_control_is_that_of_benjamini_and_hochberg() -> None:
    assert control([0.01, 0.04, 0.03, 0.5]) == pytest.approx([0.04, 0.16 / 3, 0.16 / 3, 0.5])
    assert control([]) == []
    rng = np.random.default_rng(3)
    for count in (1, 2, 7, 500):
        p_values = np.round(rng.random(count) ** 2, 2)  # some of them equal
        assert control(p_values.tolist()) == false_discovery_control(p_values).tolist()


def test_scores_are_ranks_among_their_own_stratum_with_ties_shared() -> None:
    rng = np.random.default_rng(4)
    for strata_of in (1, 3, 40):
        strata = rng.integers(0, strata_of, 300) * 7
        for values in (rng.lognormal(size=300), rng.integers(0, 4, 300).astype(float), np.array([1.0, np.inf] * 150)):
            expected = np.zeros(300)
            for stratum in np.unique(strata):
                inside = strata == stratum
                expected[inside] = (rankdata(values[inside]) - (inside.sum() + 1) / 2) / inside.sum()
            np.testing.assert_allclose(
                cp.score_within(values, strata)[:, 0], expected / (expected**2).mean() ** 0.5, atol=1e-12
            )


def test_the_p_values_of_series_that_keep_much_of_each_value_are_no_smaller_than_they_say() -> None:
    """As many are below a limit as it says, or fewer; with the first two p-values alone half as many again would be."""
    rng = np.random.default_rng(11)
    made = [made_series(rng, int(rng.integers(12, 200)), memory=0.7) for _ in range(1_500)]
    memory = cp.mean_memory(made)
    assert cp.STRONG_MEMORY < memory < 0.7
    p_values = np.array([cp.scan(values, strata, rng, memory).p_value for values, strata in made])
    assert [(p_values <= limit).mean() <= limit for limit in (0.05, 0.02, 0.005)] == [True] * 3


def test_how_much_series_keep_is_estimated_from_all_together_whatever_changed() -> None:
    rng = np.random.default_rng(1)
    for kept in (0.0, 0.3, 0.7):
        made = [made_series(rng, int(rng.integers(12, 200)), memory=kept, step=number % 2) for number in range(100)]
        assert kept - 0.15 < cp.mean_memory(made) < kept + 0.02
    assert cp.mean_memory([]) == cp.mean_memory([(np.ones(30), np.zeros(30, dtype=np.int64))]) == 0


def test_independent_series_are_judged_as_if_nothing_were_known_of_memory() -> None:
    rng = np.random.default_rng(3)
    made = [made_series(rng, 60, step=number % 2) for number in range(60)]
    memory = cp.mean_memory(made)
    assert [cp.scan(*one, np.random.default_rng(0), memory) for one in made] == [
        cp.scan(*one, np.random.default_rng(0)) for one in made
    ]


def test_what_a_change_says_beside_the_value_before_is_that_of_least_squares() -> None:
    series = np.random.default_rng(4).normal(size=(1, 30, 1))
    now, past, ones = series[0, 1:, 0], series[0, :-1, 0], np.ones(29)
    times = np.arange(29)

    def left(*columns: Any) -> float:
        return float(np.linalg.lstsq(np.column_stack((ones, past, *columns)), now, rcond=None)[1][0])

    steps, lines = cp._beside_memory(series)
    splits = range(cp.MIN_SIDE, 29 - cp.MIN_SIDE + 1)
    assert steps[0] == pytest.approx(29 * np.log(left() / min(left(times >= split) for split in splits)))
    assert lines[0] == pytest.approx(29 * np.log(left() / left(times)))
