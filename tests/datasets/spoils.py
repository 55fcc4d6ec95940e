"""How inputs are spoilt: every function here gives or is something that damages a whole input in one place."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from alberdice.datasets.formats.vault import kvstore
from alberdice.datasets.store import _seal

Spoil = Callable[[Path], None]


def truncate(name: str) -> Spoil:
    def spoil(base: Path) -> None:
        path = base / name if name else base
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    return spoil


def both(first: Spoil, second: Spoil) -> Spoil:
    def spoil(base: Path) -> None:
        first(base)
        second(base)

    return spoil


def remove(name: str) -> Spoil:
    return lambda base: (base / name).unlink()


def say(name: str, text: str) -> Spoil:
    def spoil(base: Path) -> None:
        (base / name if name else base).write_text(text)

    return spoil


def edit_json(name: str, change: Callable[[dict[str, Any]], Any]) -> Spoil:
    def spoil(base: Path) -> None:
        value = json.loads((base / name).read_text())
        change(value)
        (base / name).write_text(json.dumps(value))

    return spoil


def edit_npy(name: str, change: Callable[[np.ndarray], Any]) -> Spoil:
    def spoil(base: Path) -> None:
        array = np.load(base / f"{name}.npy")
        changed = change(array)
        np.save(base / f"{name}.npy", array if changed is None else changed)

    return spoil


def put(index: Any, value: Any) -> Callable[[np.ndarray], Any]:
    def change(array: np.ndarray) -> None:
        array[index] = value

    return change


def edit_h5(change: Callable[[Any], Any], name: str = "") -> Spoil:
    def spoil(base: Path) -> None:
        import h5py

        with h5py.File(base / name if name else base, "r+") as file:
            change(file)

    return spoil


def edit_leaf(name: str, index: Any, value: Any) -> Spoil:
    def spoil(base: Path) -> None:
        import tensorstore as ts

        ts.open(kvstore(base, name)).result()[index].write(value).result()

    return spoil


def move_out(name: str) -> Spoil:
    """Move a file out of the archive and leave a link to it."""

    def spoil(base: Path) -> None:
        outside = base.parent / f"outside-{name.replace('/', '-')}"
        shutil.move(base / name, outside)
        (base / name).symlink_to(outside)

    return spoil


class _Trap:
    """Writes a file when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


def booby_trap(base: Path) -> None:
    array = np.array([_Trap(base.parent / "EXECUTED")], dtype=object)
    np.save(base / "obs.npy", array, allow_pickle=True)


def pickled(base: Path) -> None:
    import pickle

    (base / "state.npy").write_bytes(pickle.dumps(_Trap(base.parent / "EXECUTED")))


def strings_in_h5(file: Any) -> None:
    del file["obs"]
    import h5py

    file.create_dataset("obs", data=["a", "b"], dtype=h5py.string_dtype())


def reseal(change: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], None]:
    """Change the header and seal it again, as somebody who means harm would."""

    def sealed(metadata: dict[str, Any]) -> None:
        change(metadata["alberdice"])
        metadata["alberdice"]["header_sha256"] = _seal(metadata["alberdice"])

    return sealed


def replace_h5(key: str, change: Callable[[np.ndarray], Any], name: str = "") -> Spoil:
    def change_file(file: Any) -> None:
        array = file[key][()]
        del file[key]
        changed = change(array)
        file[key] = array if changed is None else changed

    return edit_h5(change_file, name)


def external_link(file: Any) -> None:
    import h5py

    del file["episode_2/observations"]
    file["episode_2/observations"] = h5py.ExternalLink("/etc/passwd", "/")


def soft_link(file: Any) -> None:
    import h5py

    del file["episode_2"]
    file["episode_2"] = h5py.SoftLink("/episode_0")


def raw_data_outside(file: Any) -> None:
    del file["episode_0/rewards"]
    file.create_dataset("episode_0/rewards", shape=(7,), dtype="f4", external=[("/etc/passwd", 0, 28)])


def virtual_h5(file: Any) -> None:
    import h5py

    del file["obs"]
    layout = h5py.VirtualLayout(shape=(4, 12, 3, 6), dtype="f4")
    layout[:] = h5py.VirtualSource("elsewhere.h5", "obs", shape=(4, 12, 3, 6))
    file.create_virtual_dataset("obs", layout)


def hole_in_filled(base: Path) -> None:
    edit_npy("filled", put((2, 4, 0), 0))(base)


def npz_archive(base: Path) -> None:
    np.savez(base / "x.npz", a=np.zeros(3))
    shutil.move(base / "x.npz", base / "obs.npy")


def not_utf8(base: Path) -> None:
    base.write_bytes(b"\xff\xfe\x00agent")


def empty_episode(base: Path) -> None:
    edit_npy("filled", put((1,), 0))(base)
    edit_npy("terminated", put((1,), 0))(base)
