"""What a vault's metadata.json says of its arrays, in both of its forms.

newer    "structure_shape" and "structure_dtype", nested alike
older    "structure", whose leaves are [shape, dtype]
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

from alberdice.errors import fail
from alberdice.files import inside
from alberdice.readers import read_json

__all__ = ["vault_structure"]


def _leaves(source: str, tree: Any, dtypes: Any, prefix: str = "") -> dict[str, tuple[tuple[int, ...], str]]:
    """Leaf name -> (shape, dtype) of a metadata structure, in either form."""
    if isinstance(tree, dict):
        found = {}
        for key, value in tree.items():
            if not key or key.strip(".") != key or "/" in key or ".." in key:
                raise fail(source, f"structure key {key!r}", got="a path", expected="a plain name")
            below = dtypes.get(key) if isinstance(dtypes, dict) else None
            found.update(_leaves(source, value, below, f"{prefix}.{key}" if prefix else key))
        return found
    shape, kind = (
        (tree, dtypes) if dtypes is not None else (tree if isinstance(tree, list) and len(tree) == 2 else (None, None))
    )
    try:
        sizes = ast.literal_eval(shape) if isinstance(shape, str) else None
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        sizes = None
    if not isinstance(sizes, tuple) or not all(isinstance(n, int) for n in sizes) or not isinstance(kind, str):
        raise fail(
            source, f"structure of {prefix!r}", got=f"{shape!r}, {kind!r}", expected='a shape such as "(1, 100, 3)" and a dtype'
        )
    return {prefix: (sizes, kind)}


def vault_structure(base: Path) -> dict[str, tuple[tuple[int, ...], str]]:
    """Leaf name -> (shape, dtype) of the vault in ``base``.

    Raises:
        InvalidDataError: another version, or a structure that is none.
    """
    path = inside(base, "metadata.json")
    metadata, source = read_json(path), str(path)
    version = metadata.get("version")
    if not isinstance(version, int | float) or isinstance(version, bool):
        raise fail(source, "version", got=repr(version), expected="a number")
    if int(version) > 1 or version < 0:
        raise fail(source, "version", got=version, expected="0.x or 1.x")
    if "structure_shape" in metadata:
        if not isinstance(metadata.get("structure_dtype"), dict):
            raise fail(
                source,
                "structure_dtype",
                got=type(metadata.get("structure_dtype")).__name__,
                expected="the dtypes of structure_shape",
            )
        return _leaves(source, metadata["structure_shape"], metadata["structure_dtype"])
    if "structure" not in metadata:
        raise fail(source, "structure_shape", got="no such key", expected="structure_shape and structure_dtype, or structure")
    return _leaves(source, metadata["structure"], None)
