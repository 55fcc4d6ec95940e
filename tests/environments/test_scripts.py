"""Scripts by name."""

import numpy as np
import pytest

from alberdice.environments import find_environment
from alberdice.environments.scripts import find_script
from alberdice.errors import InvalidArgumentError

BRIDGE = find_environment("bridge").open().spec


def broken(spec):
    raise RuntimeError("of its own")


def nothing(spec):
    return None


def test_random_takes_available_actions_only():
    player = find_script("random", BRIDGE)(np.arange(2))
    with find_environment("bridge").open() as env:
        frame = env.reset(np.arange(1000))
        masks = np.zeros_like(frame.masks)
        masks[..., [1, 3]] = True
        from dataclasses import replace

        actions = player.act(replace(frame, masks=masks), np.random.default_rng(0).random((1000, 2)))
    assert set(np.unique(actions)) == {1, 3}
    assert np.mean(actions == 1) == pytest.approx(0.5, abs=0.05)


def test_an_expert_of_the_warehouse_by_name():
    with find_environment("rware-tiny-2ag").open() as env:
        experts = find_script("rware-expert(convention=1, knowledge='global')", env.spec)(np.arange(3))
        assert experts.conventions.tolist() == [[1, 1]] * 3
        assert experts.act(env.reset(np.arange(3)), np.full((3, 2), 0.5)).shape == (3, 2)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("randon", "nearest match: random"),
        ("rware-expert", "rware-"),
        ("random(a=1)", "TypeError"),
        ("test_scripts:broken", "of its own"),
        ("test_scripts:nothing", "NoneType"),
        ("test_scripts:absent", "absent"),
    ],
)
def test_what_is_no_script_is_refused(text, words):
    with pytest.raises(InvalidArgumentError, match=words):
        find_script(text, BRIDGE)
