import pytest

from alberdice.environments import EnvironmentSpec
from alberdice.errors import InvalidArgumentError


def spec(**changes):
    given = {"name": "two", "agents": ("a", "b"), "n_actions": (2, 3), "observation_size": 4}
    return EnvironmentSpec(**{**given, **changes})


def test_sizes_of_observations_are_the_same_unless_said():
    assert spec().observation_sizes == (4, 4)
    assert spec(observation_sizes=(4, 1)).observation_sizes == (4, 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"agents": ("a",)}, "1 agents, 2 numbers of actions"),
        ({"agents": ("a", "a")}, "names that differ"),
        ({"n_actions": (2, 0)}, "at least one action each"),
        ({"observation_sizes": (3, 1)}, "the largest of the sizes"),
        ({"agents": (), "n_actions": (), "observation_sizes": ()}, "at least one"),
    ],
)
def test_what_does_not_belong_together_is_refused(changes, message):
    with pytest.raises(InvalidArgumentError, match=message):
        spec(**changes)
