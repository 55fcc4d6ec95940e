"""Arrays of every kind that NumPy has: the same numbers, the same answer, whatever holds them; what hides or rounds is said."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import alberdice as ad
from alberdice.datasets import EpisodeArrays, from_episodes

SHAPE = (2, 2, 3)


def distribution(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(shape[-1]), size=shape[:-1])


PARTS = {"transition": distribution(0, *SHAPE, 2), "reward": distribution(1, *SHAPE), "initial": distribution(2, 2)}


def model(**changed: Any) -> ad.MMDP:
    return ad.MMDP(**{**PARTS, "discount": 0.9, **changed})


class Odd(np.ndarray):
    """A subclass whose arithmetic is its own."""

    def __mul__(self, other: Any) -> Any:
        return 7


def readonly(array: np.ndarray) -> np.ndarray:
    copy = array.copy()
    copy.setflags(write=False)
    return copy


HOLDERS: dict[str, Callable[[np.ndarray], Any]] = {
    "fortran": np.asfortranarray,
    "reversed": lambda a: a[::-1].copy()[::-1],
    "strided": lambda a: np.repeat(a, 2, axis=0)[::2],
    "read-only": readonly,
    "big-endian": lambda a: a.astype(">f8"),
    "unaligned": lambda a: np.frombuffer(b"\0" + a.tobytes(), np.uint8)[1:].view(a.dtype).reshape(a.shape),
    "list": lambda a: a.tolist(),
    "tuple": lambda a: tuple(a.tolist()),
    "subclass": lambda a: a.view(Odd),
    "masked, nothing hidden": lambda a: np.ma.masked_array(a),
    "masked by falses": lambda a: np.ma.masked_array(a, mask=np.zeros(a.shape, bool)),
    "long double": lambda a: a.astype(np.longdouble),
}


@pytest.mark.parametrize("holder", HOLDERS)
@pytest.mark.parametrize("part", PARTS)
def test_the_same_numbers_are_the_same_model(holder: str, part: str) -> None:
    plain, other = model(), model(**{part: HOLDERS[holder](PARTS[part])})
    for name in ("reward", "initial"):
        np.testing.assert_array_equal(getattr(plain, name), getattr(other, name))
        assert type(getattr(other, name)) is np.ndarray
    np.testing.assert_array_equal(plain.dense_transition(), other.dense_transition())


def hidden(array: Any) -> np.ma.MaskedArray:
    mask = np.zeros(np.shape(array), bool)
    mask.flat[-1] = True
    return np.ma.masked_array(array, mask=mask)


TABLE = distribution(3, 2, 2)
MASKED: dict[str, Callable[[], Any]] = {
    "reward": lambda: model(reward=hidden(PARTS["reward"])),
    "transition": lambda: model(transition=hidden(PARTS["transition"])),
    "initial": lambda: model(initial=hidden(PARTS["initial"])),
    "payoff": lambda: ad.games.matrix_game(hidden([[0.0, 1.0], [1.0, 999.0]])),
    "probabilities": lambda: ad.DataDistribution(hidden(np.full((1, 2, 2), 0.25))),
    "observed": lambda: ad.DataDistribution(np.full((1, 2, 2), 0.25), hidden(np.ones((1, 2, 2), bool))),
    "counts": lambda: ad.DataDistribution.from_counts(hidden(np.ones((1, 2, 2)))),
    "table": lambda: ad.FactorizedPolicy([TABLE, hidden(TABLE)]),
    "list of masked": lambda: model(reward=[hidden(r) for r in PARTS["reward"]]),
    "deterministic": lambda: ad.FactorizedPolicy.deterministic(hidden([[0, 1]]), (2, 2)),
    "episode": lambda: from_episodes("x", (2, 2), [episode(rewards=hidden(np.zeros(3)))]),
    "episode's masks": lambda: from_episodes("x", (2, 2), [episode(action_masks=hidden(np.ones((4, 2, 2), bool)))]),
}


def episode(**changed: Any) -> EpisodeArrays:
    arrays: dict[str, Any] = {
        "states": np.zeros((4, 1)),
        "observations": np.zeros((4, 2, 1)),
        "actions": np.zeros((3, 2), int),
        "rewards": np.zeros(3),
        "terminated": True,
    }
    return EpisodeArrays(**{**arrays, **changed})


@pytest.mark.parametrize("case", MASKED)
def test_a_mask_is_never_dropped(case: str) -> None:
    with pytest.raises(ad.AlberDICEError, match=r"(?i)masked"):
        MASKED[case]()


FLOAT32: dict[str, Callable[[Any], Any]] = {
    "initial": lambda p: ad.MMDP(np.full((3, 2, 3), [1.0, 0, 0]), np.zeros((3, 2)), p(3), 0.9),
    "transition": lambda p: ad.MMDP(np.broadcast_to(p(3), (3, 2, 3)), np.zeros((3, 2)), [1, 0, 0], 0.9),
    "sparse": lambda p: ad.MMDP(sp.csr_array(np.broadcast_to(p(3), (6, 3))), np.zeros((3, 2)), [1, 0, 0], 0.9),
    "data": lambda p: ad.DataDistribution(p(6).reshape(1, 3, 2)),
    "table": lambda p: ad.FactorizedPolicy([p(3)[None], np.full((1, 2), 0.5)]),
}


def thirds(n: int, kind: type = np.float32) -> np.ndarray:
    """1/n in float32, held as ``kind``: the sum misses 1 by that type's rounding."""
    return np.full(n, np.float32(1) / np.float32(n)).astype(kind)


@pytest.mark.parametrize("case", FLOAT32)
def test_float32_probabilities_are_accepted_and_said(case: str) -> None:
    for kind in (np.float32, np.float64):
        with pytest.warns(ad.RoundingWarning, match=r"float32 numbers whose sums miss 1 by up to [1-9]e-0[78]; divided"):
            FLOAT32[case](lambda n, kind=kind: thirds(n, kind))
    with pytest.raises(ad.AlberDICEError, match=r"a sum of 1\.00\d*, expected 1 within 1e-09; divide each distribution"):
        FLOAT32[case](lambda n: (thirds(n) * np.float32(1 + 1e-5)).astype(np.float32))
    with pytest.raises(ad.AlberDICEError, match="expected 1 within 1e-09"):  # no float32 numbers: another error than rounding
        FLOAT32[case](lambda n: np.full(n, 1 / n) * (1 + 1e-7))


def test_a_renormalised_distribution_sums_to_1() -> None:
    with pytest.warns(ad.RoundingWarning):
        table = ad.FactorizedPolicy([thirds(3)[None]])[0]
    assert table.sum() == pytest.approx(1, abs=1e-15)


ANYTHING: list[Any] = [
    None, True, 3, 2.5, 1j, "x", b"x", float("nan"), object(), print, {}, {"a": 1}, set(), [], [[]], [[1], [2, 3]], [None],
    ["1"], np.array(3), np.array([]), np.array(None), np.array(["a"]), np.array([1 + 1j]), np.datetime64("2020-01-01"),
    np.zeros((2, 0)), np.array([object()]), np.zeros(3, [("x", float)]), 10**400, [10**400], [[[[1]]]], range(3), iter([1]),
    sp.eye_array(2), np.ones((1, 1)), memoryview(b"ab"), ad.MMDP, np.random.default_rng(0), slice(3),
]  # fmt: skip
TAKES: dict[str, Callable[[Any], Any]] = {
    "transition": lambda x: model(transition=x),
    "reward": lambda x: model(reward=x),
    "initial": lambda x: model(initial=x),
    "discount": lambda x: model(discount=x),
    "payoff": lambda x: ad.games.matrix_game(x),
    "probabilities": lambda x: ad.DataDistribution(x),
    "observed": lambda x: ad.DataDistribution(np.full((1, 2), 0.5), [x]),
    "counts": lambda x: ad.DataDistribution.from_counts(x),
    "floor": lambda x: ad.DataDistribution.from_counts(np.ones((1, 2)), x),
    "tables": lambda x: ad.FactorizedPolicy(x),
    "table": lambda x: ad.FactorizedPolicy([x]),
}


@pytest.mark.parametrize("what", TAKES)
def test_objects_of_any_type_are_taken_or_refused(what: str) -> None:
    for value in ANYTHING:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                TAKES[what](value)
            except ad.AlberDICEError as error:
                assert "\n" not in str(error), repr(value)


KINDS = st.sampled_from(
    [np.float16, np.float32, np.float64, np.longdouble, np.int8, np.uint64, np.int64, np.bool_, np.complex64]
)
NUMBERS = st.one_of(
    st.floats(width=64), st.sampled_from([0.0, -0.0, 5e-324, 1e308, -1e308, 1.0, np.inf, np.nan, 65504.0, 1e-45])
)


@settings(max_examples=150, deadline=None)
@given(kind=KINDS, values=st.lists(NUMBERS, min_size=6, max_size=6), order=st.sampled_from("CF"), view=st.integers(0, 3))
def test_rewards_of_any_kind(kind: Any, values: list[float], order: Any, view: int) -> None:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        array = np.array(values).astype(kind).reshape(1, 2, 3, order=order)
    shown = {0: array, 1: np.asfortranarray(array), 2: array[:, ::-1], 3: readonly(array)}[view]
    game = {"transition": np.ones((1, 2, 3, 1)), "initial": [1.0], "discount": 0.5}
    with np.errstate(all="ignore"):
        expected = np.asarray(shown).astype(np.float64) if np.dtype(kind).kind in "fiu" else None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with np.errstate(all="ignore"):
            held = expected is not None and np.isfinite([np.ptp(expected) / 0.5, np.abs(expected).max() / 0.5]).all()
        if not held:  # nor do sums of such rewards have a float
            with pytest.raises(ad.InvalidModelError, match=r"^reward"):
                ad.MMDP(reward=shown, **game)
        else:
            made = ad.MMDP(reward=shown, **game)
            np.testing.assert_array_equal(made.reward, expected)
            assert not made.reward.flags.writeable
            assert not np.shares_memory(made.reward, array)
