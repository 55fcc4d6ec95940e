"""MADT's files, made in their layout."""

import copy

import numpy as np
import pytest

from alberdice.cli.deep import main
from alberdice.datasets import open_dataset, read_madt
from alberdice.errors import InvalidDataError

torch = pytest.importorskip("torch", reason="MADT's files are torch's")


def episode(seed, length, *, done=True, as_arrays=True, value=False):
    """An episode of two agents, three actions: states of 5 columns, of which the last two are an agent's own."""
    rng = np.random.default_rng(seed)
    shared, kind = (
        rng.normal(size=(length, 3)).astype(np.float32),
        np.asarray if as_arrays else (lambda v: np.asarray(v).tolist()),
    )
    agents = []
    for agent in range(2):
        steps = []
        for t in range(length):
            state = np.array([*shared[t], agent, rng.normal()], np.float32)
            avail = np.array([0, 1, 1]) if agent == 0 or t < 2 else np.array([1, 0, 0])
            over = (done and t == length - 1) or (agent == 1 and t >= 2)
            step = [
                kind(state),
                kind(rng.normal(size=4).astype(np.float32)),
                [int(avail.argmax())],
                [0.5 * t],
                over,
                kind(avail),
            ]
            steps.append([*step, 0.0] if value else step)
        agents.append(steps)
    return agents


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "3s5z" / "good"
    place.mkdir(parents=True)
    for number, (length, done) in {10: (5, True), 2: (4, True), 1: (3, False)}.items():
        torch.save(episode(number, length, done=done), place / f"episode_{number}.pt")
    return place


def test_episodes_come_in_the_order_of_their_numbers_and_whole(folder):
    data = read_madt(folder)
    assert data.name == "3s5z-good"
    assert data.lengths.tolist() == [3, 4, 5]
    assert data.n_actions == (3, 3)
    assert (data.state_size, data.observation_size) == (3 + 2 * 2, 4)
    assert not data.final_known.any()
    assert data.terminated.sum() == 2
    assert data.truncated.sum() == 1
    for at, number in enumerate((1, 2, 10)):
        source, mine = episode(number, len(data.get_episode(at))), data.get_episode(at)
        for t in range(len(mine)):
            np.testing.assert_array_equal(mine.observations[t], [source[i][t][1] for i in range(2)])
            own = [source[0][t][0][:3], source[0][t][0][3:], source[1][t][0][3:]]
            np.testing.assert_array_equal(mine.states[t], np.concatenate(own))
            assert mine.actions[t].tolist() == [source[i][t][2][0] for i in range(2)]
            np.testing.assert_array_equal(mine.action_masks[t], [source[i][t][5] for i in range(2)])
        assert mine.rewards.tolist() == [0.5 * t for t in range(len(mine))]
    assert any("3 columns that all agents share, then 2" in note for note in data.notes)


def test_an_agent_that_died_ends_nothing_and_a_limit_truncates(folder):
    data = read_madt(folder, episode_limit=5)
    ends = [(bool(e.terminated[-1]), bool(e.truncated[-1])) for e in data.episodes]
    assert ends == [(False, True), (True, False), (False, True)]
    with pytest.raises(InvalidDataError, match=r"episode_10.pt: episode: got 5 steps, expected at most the episode limit, 4"):
        read_madt(folder, episode_limit=4)


def test_lists_and_values_are_read_as_well(tmp_path):
    torch.save(episode(0, 3, as_arrays=False, value=True), tmp_path / "a.pt")
    data = read_madt(tmp_path / "a.pt")
    assert data.name == "a"
    assert any("values" in note for note in data.notes)


def damaged(change):
    made = copy.deepcopy(episode(0, 3))
    change(made)
    return made


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"a": 1}, "got dict, expected a list of agents"),
        ([], "got list"),
        (damaged(lambda e: e[1].pop()), r"agents of \[2, 3\] steps"),
        (damaged(lambda e: e[0][1].pop()), r"\[agent 0, step 1\]: got 5 entries"),
        (damaged(lambda e: e[0][1].append(0.0)), r"\[agent 0, step 1\]: got a value, expected one in all steps or in none"),
        (damaged(lambda e: e[1][2].__setitem__(1, np.zeros(3))), r"obs\[agent 1, step 2\]: got float64 \(3,\)"),
        (damaged(lambda e: e[1][0].__setitem__(5, np.array([2, 0, 1]))), r"avail\[agent 1, step 0\]|avail\[agent 1"),
        (damaged(lambda e: e[1][0].__setitem__(3, [9.0])), r"reward\[step 0\]"),
        (damaged(lambda e: e[1][0].__setitem__(2, [0])), "action"),
    ],
)
def test_what_is_no_episode_is_refused_by_place(tmp_path, content, message):
    torch.save(content, tmp_path / "a.pt")
    with pytest.raises(InvalidDataError, match=message):
        read_madt(tmp_path / "a.pt")


class Evil:
    def __reduce__(self):
        return print, ("run",)


def test_nothing_in_a_file_runs(tmp_path, capsys):
    torch.save([[[Evil()]]], tmp_path / "a.pt")
    with pytest.raises(InvalidDataError, match="numbers, lists and arrays alone"):
        read_madt(tmp_path / "a.pt")
    assert "run" not in capsys.readouterr().out
    (tmp_path / "b.pt").write_bytes(b"nothing")
    with pytest.raises(InvalidDataError, match=r"b.pt"):
        read_madt(tmp_path / "b.pt")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidDataError, match="none, expected files of"):
        read_madt(tmp_path / "empty")


def test_files_of_other_maps_do_not_go_together(folder):
    other = [[[s[0], np.zeros(9, np.float32), *s[2:]] for s in steps] for steps in episode(3, 3)]
    torch.save(other, folder / "episode_3.pt")
    with pytest.raises(
        InvalidDataError, match=r"episode_3.pt: obs: got float32 \(2, 9\), expected float32 \(2, 4\), as in episode_1.pt"
    ):
        read_madt(folder)


def test_the_command_stores_them(folder, tmp_path, capsys):
    words = ["datasets", "import", "madt", str(folder), "--id", "lab/m-v0", "--root", str(tmp_path), "--episode-limit", "5"]
    with pytest.raises(SystemExit, match="0"):
        main(words)
    assert open_dataset("lab/m-v0", root=tmp_path).header.episode_limit == 5


@pytest.mark.parametrize("number", [1e19, 2.0**63, float("inf")])
def test_an_action_that_no_int64_holds_is_named_as_it_is(folder, number):
    content = episode(1, 3, done=False)
    content[1][2][2] = np.array([number])
    torch.save(content, folder / "episode_1.pt")
    with pytest.raises(InvalidDataError, match=r"episode_1.pt: action\[agent 1, step 2\]: got .*, expected an act") as caught:
        read_madt(folder)
    assert f"got {number}," in str(caught.value)


@pytest.mark.parametrize("content", [b"agent_1,agent_2\n", b"\x80\x02cos\nsystem\nq\x00.", b""])
def test_what_torch_refuses_is_told_without_its_advice(folder, content):
    """Which is to run what the file holds."""
    (folder / "episode_1.pt").write_bytes(content)
    with pytest.raises(InvalidDataError, match=r"episode_1\.pt: file: got .*, expected a file of torch\.save") as caught:
        read_madt(folder)
    assert "weights_only" not in str(caught.value)
