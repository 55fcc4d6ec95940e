"""Checkpoints: what was written is read; what was changed is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from deep_samples import equal, tiny
from run_samples import Killed, final_state, kill_at

from alberdice.deep.training.checkpoints import check_state, read_checkpoint, write_checkpoint
from alberdice.deep.training.loop import train
from alberdice.errors import AlberDICEError, InvalidDataError

TENSORS = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.zeros(0), "c": torch.tensor(3, dtype=torch.int64)}


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    write_checkpoint(path, TENSORS, {"update": 5, "nested": {"x": [1.5, None]}})
    tensors, header = read_checkpoint(path)
    assert equal(tensors, TENSORS)
    assert header == {"update": 5, "nested": {"x": [1.5, None]}}


def test_equal_states_are_equal_files_that_safetensors_reads(tmp_path: Path) -> None:
    """Whatever the names: their tensors begin where safetensors' own file has them."""
    named = {**TENSORS, 'é "\\\n\x7f\u2028': torch.tensor([True, False, True]), "half": torch.ones(3, dtype=torch.bfloat16)}
    contents = []
    for k in range(8):  # three keys have six orders
        write_checkpoint(tmp_path / f"{k}.safetensors", named, {"ä": "\x1f" * k, "updates": 10**30} if k < 2 else {})
        contents.append((tmp_path / f"{k}.safetensors").read_bytes())
    assert len(set(contents[2:])) == 1
    for content in contents[:2]:
        assert equal(safetensors.torch.load(content), named)
        size = int.from_bytes(content[:8], "little")
        metadata = json.loads(content[8 : 8 + size])["__metadata__"]
        own = safetensors.torch.save(named, metadata)
        assert (size % 8, size, content[8 + size :]) == (0, int.from_bytes(own[:8], "little"), own[8 + size :])


def test_files_of_the_first_format_are_read_without_a_checksum(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    safetensors.torch.save_file(TENSORS, path, {"format": "alberdice-checkpoint-1", "header": json.dumps({"update": 5})})
    assert read_checkpoint(path)[1] == {"update": 5}


def test_an_edited_header_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    write_checkpoint(path, TENSORS, {"update": 5})
    path.write_bytes(path.read_bytes().replace(b'update\\": 5', b'update\\": 4'))
    with pytest.raises(InvalidDataError, match="content that its checksum denies"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    ("name", "tensor", "got"),
    [
        ("a", torch.zeros(2, 3, dtype=torch.float64), "float64"),
        ("a", torch.zeros(1, 3), r"\(1, 3\)"),
        ("a", None, "nothing"),
        ("d", torch.zeros(1), r"\(1,\)"),
    ],
)
def test_states_are_not_cast_broadcast_or_left_out(name: str, tensor: torch.Tensor | None, got: str) -> None:
    changed = {k: v for k, v in {**TENSORS, name: tensor}.items() if v is not None}
    with pytest.raises(InvalidDataError, match=rf"here: {name}: got .*{got}"):
        check_state("here", changed, TENSORS)


def test_sixty_damaged_checkpoints_are_refused(tmp_path: Path) -> None:
    """Single flipped bits, cut ends and overwritten stretches: refused, or, where no byte that counts changed, bit for bit."""
    with pytest.raises(Killed):
        train(tiny(), tmp_path, progress=kill_at(12))
    path, generator = tmp_path / "checkpoint.safetensors", np.random.default_rng(0)
    content, state, refused = path.read_bytes(), final_state(tmp_path), 0
    for k in range(60):
        damaged = bytearray(content)
        at = int(generator.integers(len(content)))
        if k % 3 == 0:
            damaged[at] ^= 1 << int(generator.integers(8))
        elif k % 3 == 1:
            del damaged[at:]
        else:
            damaged[at : at + 16] = generator.bytes(len(damaged[at : at + 16]))
        path.write_bytes(bytes(damaged))
        try:
            tensors, _ = read_checkpoint(path)
        except AlberDICEError:
            refused += 1
        else:
            assert equal(tensors, state)
    assert refused >= 55
