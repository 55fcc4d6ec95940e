import copy
import pickle

import pytest

import alberdice as ad
from alberdice import errors

WRONG_REQUEST = [
    ad.InvalidModelError,
    ad.InvalidPolicyError,
    ad.InvalidDataError,
    ad.InvalidArgumentError,
    ad.InfeasibleError,
]
FAILED_WORK = [ad.ResourceError, ad.SolverError]


@pytest.mark.parametrize("kind", WRONG_REQUEST + FAILED_WORK)
def test_one_line_with_where_got_expected_and_remedy(kind):
    error = kind("transition[s=3, a=(0, 1)]", got="a sum of 0.97", expected="1 within 1e-9", remedy="normalise it")
    assert str(error) == "transition[s=3, a=(0, 1)]: got a sum of 0.97, expected 1 within 1e-9; normalise it"
    assert (error.where, error.got) == ("transition[s=3, a=(0, 1)]", "a sum of 0.97")
    assert (error.expected, error.remedy) == ("1 within 1e-9", "normalise it")
    assert isinstance(error, ad.AlberDICEError)


def test_without_a_remedy_the_line_ends_with_the_expectation():
    assert str(ad.SolverError("x", got=1, expected=2)) == "x: got 1, expected 2"


def test_exit_codes_tell_wrong_requests_from_failed_work():
    assert [k.exit_code for k in WRONG_REQUEST] == [2] * 5
    assert [k.exit_code for k in FAILED_WORK] == [1, 1]


def test_invalid_input_is_also_a_value_error():
    assert all(issubclass(k, ValueError) for k in WRONG_REQUEST[:4])
    assert not any(issubclass(k, ValueError) for k in [ad.InfeasibleError, *FAILED_WORK])


def test_every_kind_is_exported():
    kinds = {n for n, k in vars(errors).items() if isinstance(k, type) and issubclass(k, ad.AlberDICEError)}
    assert kinds == {n for n in errors.__all__ if n[0].isupper()} - {"RoundingWarning"}
    assert kinds <= set(ad.__all__)


@pytest.mark.parametrize("through", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_errors_cross_process_boundaries(through):
    error = ad.SolverError("best response of agent 1", got="stalled", expected="a gap", remedy="another method")
    again = through(error)
    assert type(again) is ad.SolverError
    assert (str(again), again.where, again.remedy) == (str(error), error.where, error.remedy)
