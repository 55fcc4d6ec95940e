"""Damage: to bytes, to the structure of a format, and to the sizes that a file declares.  All draws are a generator's."""

from __future__ import annotations

import contextlib
import json
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Mutation = Callable[[Path, np.random.Generator], str]

ODD: tuple[Any, ...] = (
    None, True, -1, 0, 1, 2**31, 2**63, 10**40, -(2**63), 0.5, 1e308, float("nan"), float("inf"), "", "x", "\x1b[31m", "\0",
    "[red]", "../..", [], {}, [[1, 2], [3]], "1_0", "0x1", "9" * 5000,
)  # fmt: skip


def files_of(place: Path) -> list[Path]:
    """The sample's files, in order."""
    return [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file())


def _pick(place: Path, rng: np.random.Generator, suffixes: tuple[str, ...] = ()) -> Path | None:
    chosen = [path for path in files_of(place) if not suffixes or path.suffix in suffixes]
    return chosen[int(rng.integers(len(chosen)))] if chosen else None


def damage_bytes(place: Path, rng: np.random.Generator) -> str:
    """One to four cuts, copies, flips or fillings of one file's bytes."""
    path = _pick(place, rng)
    assert path is not None
    content = bytearray(path.read_bytes())
    done = []
    for _ in range(int(rng.integers(1, 5))):
        size = len(content)
        at = int(rng.integers(size + 1))
        length = int(rng.integers(1, 65))
        kind = str(rng.choice(["flip", "set", "cut", "insert", "truncate", "zero", "copy", "ones", "number"]))
        if kind == "flip" and size:
            content[at % size] ^= 1 << int(rng.integers(8))
        elif kind == "set" and size:
            content[at % size] = int(rng.integers(256))
        elif kind == "cut":
            del content[at : at + length]
        elif kind == "insert":
            content[at:at] = rng.bytes(length)
        elif kind == "truncate":
            del content[at:]
        elif kind in ("zero", "ones"):
            piece = content[at : at + length]
            content[at : at + length] = (b"\0" if kind == "zero" else b"\xff") * len(piece)
        elif kind == "copy":
            there = int(rng.integers(size + 1))
            content[there:there] = content[at : at + length]
        elif kind == "number":
            value = int(rng.choice(np.array([0, 1, 2**16, 2**31 - 1, 2**32, 2**40, 2**62])))
            content[at : at + 8] = struct.pack("<Q", value)
        done.append(f"{kind}@{at}")
    path.write_bytes(bytes(content))
    return f"bytes of {path.name}: {' '.join(done)}"


def damage_files(place: Path, rng: np.random.Generator) -> str:
    """A file gone, empty, another's content, a folder, or a link."""
    path = _pick(place, rng)
    assert path is not None
    other = _pick(place, rng)
    kind = str(rng.choice(["remove", "empty", "swap", "folder", "link", "loop"]))
    content = other.read_bytes() if other is not None else b""
    path.unlink()
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "swap":
        path.write_bytes(content)
    elif kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to("/etc/hostname")
    elif kind == "loop":
        path.symlink_to(path.name)
    return f"file {path.name}: {kind}"


def _places(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Ways to every part of a JSON value."""
    inner = list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    return [way] + [found for key, part in inner for found in _places(part, (*way, key))]


def damage_json(place: Path, rng: np.random.Generator) -> str | None:
    """A field of another type, size or name; a field twice; a deep nest; text that goes on."""
    path = _pick(place, rng, (".json",))
    if path is None:
        return None
    value = json.loads(path.read_text())
    ways = [way for way in _places(value) if way]
    way = ways[int(rng.integers(len(ways)))]
    holder = value
    for key in way[:-1]:
        holder = holder[key]
    kind = str(rng.choice(["odd", "odd", "remove", "rename", "nest", "twice", "append", "double", "grow"]))
    if kind == "odd":
        holder[way[-1]] = ODD[int(rng.integers(len(ODD)))]
    elif kind in ("remove", "rename"):
        gone = holder.pop(way[-1])
        if kind == "rename" and isinstance(holder, dict):
            holder["renamed"] = gone
    elif kind == "grow" and isinstance(holder[way[-1]], int | float | list):
        holder[way[-1]] = holder[way[-1]] * int(rng.choice(np.array([2, 1000, 10**6])))
        if isinstance(holder[way[-1]], list):
            holder[way[-1]] = holder[way[-1]][:100000]
    text = json.dumps(value)
    if kind == "nest":
        deep = int(rng.choice(np.array([10, 100, 100000])))
        text = text.replace(json.dumps(holder[way[-1]]), "[" * deep + "]" * deep, 1)
    elif kind == "twice":
        text = "{" + f"{json.dumps(str(way[0]))}: 1, " + text.lstrip()[1:]
    elif kind == "append":
        text += "{}"
    elif kind == "double":
        text = text + text
    path.write_text(text)
    return f"json {path.name}: {kind} at {way}"


def damage_csv(place: Path, rng: np.random.Generator) -> str | None:
    """A cell, a column, a line, a separator of another kind."""
    path = _pick(place, rng, (".csv",))
    if path is None:
        return None
    lines = [line.split(",") for line in path.read_text().splitlines()]
    row, column = int(rng.integers(len(lines))), int(rng.integers(len(lines[0])))
    kind = str(
        rng.choice(["odd", "odd", "twice", "drop", "add", "header", "index", "semicolons", "quotes", "swap", "empty", "long"])
    )
    if kind == "odd":
        lines[row][column % len(lines[row])] = str(ODD[int(rng.integers(len(ODD)))])
    elif kind == "twice":
        lines = [[*line, line[column % len(line)]] for line in lines]
    elif kind == "drop":
        lines[row].pop()
    elif kind == "add":
        lines[row].append("1")
    elif kind == "header":
        lines.insert(0, [str(k) for k in range(len(lines[0]))])
    elif kind == "index":
        lines = [[str(k), *line] for k, line in enumerate(lines)]
    elif kind == "swap":
        lines[0], lines[-1] = lines[-1], lines[0]
    elif kind == "empty":
        lines = lines[:1]
    elif kind == "long":
        lines[row][0] = "1" * 200_000
    text = "\n".join((";" if kind == "semicolons" else ",").join(line) for line in lines)
    path.write_text(f'"{text}' if kind == "quotes" else text + "\n", errors="surrogatepass")
    return f"csv {path.name}: {kind} at line {row + 1}"


def damage_npy(place: Path, rng: np.random.Generator) -> str | None:
    """Another shape, type or order in the header of a .npy file, or of a member of an .npz archive."""
    path = _pick(place, rng, (".npy", ".npz"))
    if path is None:
        return None
    members = {path.name: path.read_bytes()}
    if path.suffix == ".npz":
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
    names = list(members)
    name = names[int(rng.integers(len(names)))]
    array = np.lib.format.read_array(_stream(members[name]), allow_pickle=False)
    kind = str(rng.choice(["shape", "huge", "type", "order", "objects", "negative", "twice", "rename", "strings"]))
    shape = tuple(int(n) for n in array.shape)
    form: dict[str, Any] = {"descr": np.lib.format.dtype_to_descr(array.dtype), "fortran_order": False, "shape": shape}
    if kind == "shape":
        form["shape"] = shape[::-1]
    elif kind == "huge":
        form["shape"] = (10 ** int(rng.integers(6, 16)), *shape[1:])
    elif kind == "type":
        form["descr"] = str(rng.choice(["<f8", "<f4", "<i8", "<i2", "|b1", "<c16", "<U3", "<M8[s]", ">f8"]))
    elif kind == "order":
        form["fortran_order"] = True
    elif kind == "objects":
        form["descr"] = "|O"
    elif kind == "negative":
        form["shape"] = (-1, *shape[1:])
    elif kind == "strings":
        form["descr"] = [("x", "<f8"), ("y", "<i4")]
    header = _stream(b"")
    with contextlib.suppress(ValueError):
        np.lib.format.write_array_header_1_0(header, form)
    members[name] = header.getvalue() + array.tobytes()
    if path.suffix == ".npy":
        path.write_bytes(members[name])
        return f"npy {path.name}: {kind}"
    _write_archive(path, members, name, kind, rng)
    return f"npz {path.name}/{name}: {kind}"


def _write_archive(path: Path, members: dict[str, bytes], name: str, kind: str, rng: np.random.Generator) -> None:
    import warnings

    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore")
        for each, content in members.items():
            archive.writestr("renamed.npy" if kind == "rename" and each == name else each, content)
        if kind == "twice":
            archive.writestr(name, members[name])
    if kind == "huge" and rng.random() < 0.5:  # the directory declares it too
        content = bytearray(path.read_bytes())
        at = content.find(b"PK\x01\x02")
        content[at + 24 : at + 28] = struct.pack("<I", 0xFFFFFFF0)
        path.write_bytes(bytes(content))


def _stream(content: bytes) -> Any:
    import io

    return io.BytesIO(content)


def damage_hdf5(place: Path, rng: np.random.Generator) -> str | None:
    """An array gone, cut, of another type, huge, a link, a group; an attribute of another kind."""
    import h5py

    path = _pick(place, rng, (".h5", ".hdf5"))
    if path is None:
        return None
    with h5py.File(path, "r+") as file:
        names: list[str] = []
        file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
        name = names[int(rng.integers(len(names)))]
        kinds = [
            "remove",
            "cut",
            "type",
            "huge",
            "group",
            "soft",
            "external",
            "value",
            "strings",
            "attribute",
            "scalar",
            "flat",
        ]
        kind = str(rng.choice(kinds))
        old = file[name][()]
        group = file[name].parent
        if kind == "attribute":
            keys = [key for key in group.attrs]
            if keys:
                odd = [np.int64(-1), "x", np.zeros(3), np.int64(2**40), np.float64("nan")]
                group.attrs[keys[int(rng.integers(len(keys)))]] = odd[int(rng.integers(len(odd)))]
            return f"hdf5 {name}: attribute"
        del file[name]
        _put(file, name, kind, old, rng)
    return f"hdf5 {name}: {kind}"


def _put(file: Any, name: str, kind: str, old: Any, rng: np.random.Generator) -> None:
    import h5py

    if kind == "cut":
        file[name] = old[:-1]
    elif kind == "type":
        file[name] = old.astype(str(rng.choice(["f4", "i2", "u1", "f8", "c16", ">i8", "f2"])))
    elif kind == "huge":
        shape = (10 ** int(rng.integers(5, 15)), *old.shape[1:])
        file.create_dataset(name, shape=shape, dtype=old.dtype, chunks=(1, *old.shape[1:]), maxshape=(None, *old.shape[1:]))
    elif kind == "group":
        file.create_group(name)
    elif kind == "soft":
        file[name] = h5py.SoftLink("/nowhere")
    elif kind == "external":
        file[name] = h5py.ExternalLink("/etc/hostname", "/x")
    elif kind == "value":
        new = old.copy()
        if new.size:
            values = np.array([np.nan, np.inf, -1, 2, 127, 1e30])
            with np.errstate(all="ignore"):
                new.reshape(-1)[int(rng.integers(new.size))] = values[int(rng.integers(6))].astype(new.dtype)
        file[name] = new
    elif kind == "strings":
        file[name] = np.array([b"text"] * max(1, len(old)))
    elif kind == "scalar":
        file[name] = 3
    elif kind == "flat":
        file[name] = old.reshape(-1)


def damage_vault(place: Path, rng: np.random.Generator) -> str | None:
    """Another number of rows, or other values, written through tensorstore."""
    if not (place / "manifest.ocdbt").exists():
        return None
    import tensorstore as ts

    from alberdice.datasets.formats.vault import kvstore

    if rng.random() < 0.5:
        rows = int(rng.choice(np.array([-1, 0, 1, 15, 17, 10**6, 2**31 - 1])))
        ts.open(kvstore(place, "vault_index")).result().write(np.array([rows], np.int32)).result()
        return f"vault rows: {rows}"
    name = str(
        rng.choice(["observations.", "actions.", "rewards.", "terminals.", "truncations.", "infos.legals.", "infos.state."])
    )
    store = ts.open(kvstore(place, name)).result()
    odd = np.array([2, -1, 100, 0.5, np.nan, np.inf])[int(rng.integers(6))]
    with np.errstate(all="ignore"), contextlib.suppress(ValueError):
        store[0, int(rng.integers(16))].write(np.asarray(odd).astype(store.dtype.numpy_dtype)).result()
    return f"vault {name} {odd}"


def damage_safetensors(place: Path, rng: np.random.Generator) -> str | None:
    """A flipped bit, or a header that says another type, shape, place, name or text."""
    path = _pick(place, rng, (".safetensors",))
    if path is None:
        return None
    content = bytearray(path.read_bytes())
    size = struct.unpack("<Q", content[:8])[0]
    kind = str(rng.choice(["bit", "bit", "bit", "type", "shape", "huge", "offsets", "drop", "rename", "metadata", "text"]))
    if kind == "bit":
        at = int(rng.integers(len(content)))
        content[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(bytes(content))
        return f"safetensors {path.name}: bit of byte {at}"
    header = json.loads(content[8 : 8 + size])
    names = sorted(name for name in header if name != "__metadata__")
    name, said = names[int(rng.integers(len(names)))], header["__metadata__"]
    if kind == "type":
        header[name]["dtype"] = str(rng.choice(["F64", "F32", "I32", "U8", "BF16", "I64", "nothing"]))
    elif kind == "shape":
        header[name]["shape"] = [*header[name]["shape"][::-1], 1]
    elif kind == "huge":
        header[name]["shape"] = [10 ** int(rng.integers(6, 19)), *header[name]["shape"]]
    elif kind == "offsets":
        header[name]["data_offsets"] = [int(n) for n in rng.integers(0, 10**6, 2)]
    elif kind == "drop":
        del header[name]
    elif kind == "rename":
        header[f"{name}x"] = header.pop(name)
    elif kind == "metadata":
        del said[sorted(said)[int(rng.integers(len(said)))]]
    elif kind == "text":
        said["header"] = said["header"].replace("1", "2", 1)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(content[8 + size :]))
    return f"safetensors {path.name}: {kind} of {name}"


def forge_checkpoint(place: Path, rng: np.random.Generator) -> str | None:
    """Other tensors or another header under a checksum that fits: nobody's accident, but no traceback either."""
    from alberdice.deep.training.checkpoints import read_checkpoint, write_checkpoint

    path = _pick(place, rng, (".safetensors",))
    if path is None:
        return None
    tensors, header = read_checkpoint(path)
    names, ways = sorted(tensors), [way for way in _places(header) if way]
    name = names[int(rng.integers(len(names)))]
    kind = str(rng.choice(["type", "shape", "drop", "add", "header", "header", "header"]))
    if kind == "type":
        tensors[name] = tensors[name].double() if tensors[name].dtype != _double() else tensors[name].float()
    elif kind == "shape":
        tensors[name] = tensors[name].reshape(1, -1)[:, :-1]
    elif kind == "drop":
        del tensors[name]
    elif kind == "add":
        tensors["one-more"] = tensors[name]
    elif kind == "header":
        way = ways[int(rng.integers(len(ways)))]
        holder: Any = header
        for key in way[:-1]:
            holder = holder[key]
        if rng.random() < 0.3:
            del holder[way[-1]]
        else:
            holder[way[-1]] = ODD[int(rng.integers(len(ODD)))]
        name = ".".join(map(str, way))
    write_checkpoint(path, tensors, header)
    return f"{FORGED} {path.name}: {kind} of {name}"


def _double() -> Any:
    import torch

    return torch.float64


#: how a change is told that keeps a checksum: then other content is nobody's mistake
FORGED = "forged"
#: those that do not apply to a sample give None
STRUCTURAL: tuple[Callable[[Path, np.random.Generator], str | None], ...] = (
    damage_json,
    damage_csv,
    damage_npy,
    damage_hdf5,
    damage_vault,
    damage_safetensors,
    forge_checkpoint,
    damage_files,
)


def mutate(place: Path, rng: np.random.Generator) -> str:
    """Damage a copy of a sample; what was done, in words."""
    if rng.random() < 0.5:
        return damage_bytes(place, rng)
    for at in rng.permutation(len(STRUCTURAL)):
        said = STRUCTURAL[at](place, rng)
        if said is not None:
            return said
    return damage_bytes(place, rng)


def fresh_copy(home: Path, path: Path, target: Path) -> Path:
    """A copy of a sample's folder; the path to read in it."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(home, target, symlinks=True)
    return target / path.relative_to(home)
