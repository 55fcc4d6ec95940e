"""Readers of JSON, CSV, .npy and .npz: nothing named twice, nothing beyond what the file holds, nothing unpickled."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

from alberdice import readers
from alberdice.errors import InvalidDataError, InvalidModelError, ResourceError
from alberdice.readers import decimal_number, library_errors, parse_json, read_csv, read_npy, read_npz, read_text, whole_number


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ('{"a": 1, "a": 2}', "where: a: got the field twice"),
        ('{"x": {"b": 1, "c": 2, "b": 3}}', "where: b: got the field twice"),
        ("{", "line 1, column 2: got no JSON"),
        ('{"a": ' + "9" * 5000 + "}", "where: got no JSON that can be read .*digits"),
        ("[" * 100_000, "where: got no JSON that can be read .*recursion"),
        ("[1]", "where: got a list, expected a JSON object"),
        ("3", "where: got a int"),
    ],
)
def test_json(text: str, match: str) -> None:
    with pytest.raises(InvalidModelError, match=match):
        parse_json(text, "where", InvalidModelError)


def test_text(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes("\ufeffnaïve".encode())
    assert read_text(path) == "naïve"
    path.write_bytes(b"abc\xff")
    with pytest.raises(InvalidDataError, match="x: got a byte that is not UTF-8, at 3"):
        read_text(path)


@pytest.mark.parametrize(
    ("text", "number"),
    [("1", 1.0), ("-2.5e-3", -0.0025), ("+.5", 0.5), ("3.", 3.0), ("1e400", None), ("1_0", None), ("0x1", None), ("inf", None)]
    + [(text, None) for text in ("nan", "", " 1", "1 ", "1,5", "٣", "1e", ".", "--1", "9" * 401)],
)
def test_decimal_numbers(text: str, number: float | None) -> None:
    assert decimal_number(text) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [("12", 12), ("-3", -3), (str(2**63 - 1), 2**63 - 1)]
    + [(t, None) for t in (str(2**63), "1.0", "1_0", "", "٣", "9" * 5000)],
)
def test_whole_numbers(text: str, number: int | None) -> None:
    assert whole_number(text) == number


def test_csv(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text('a,b\n1, 2\n\n"x\ny",3\n')
    table = read_csv(path)
    assert table.header == ("a", "b")
    assert table.rows == ((2, ("1", "2")), (5, ("x\ny", "3")))
    for text, match in {
        "a,b,a\n": "header: got the column 'a' twice",
        "a, a\n": "header: got the column 'a' twice",
        "a,b\n1\n": "line 2: got 1 cells, expected 2",
        'a,b\n"1,2\n': "line 2: got unexpected end of data",
        'a,b\n1,"2"3\n': "line 2: got .*expected after",
        f"a,b\n{'1' * 200_000},2\n": "line 2: got field larger than field limit",
    }.items():
        path.write_text(text)
        with pytest.raises(InvalidDataError, match=match):
            read_csv(path)


def _archive(path: Path, **members: bytes) -> Path:
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore")
        for name, content in members.items():
            archive.writestr(f"{name.rstrip('_')}.npy", content)
    return path


def _npy(shape: tuple[int, ...], content: bytes, descr: str = "<f8") -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": descr, "fortran_order": False, "shape": shape})
    return stream.getvalue() + content


PLAIN = _npy((2,), np.arange(2.0).tobytes())


def test_npz(tmp_path: Path) -> None:
    path = _archive(tmp_path / "x.npz", a=PLAIN)
    np.testing.assert_array_equal(read_npz(path)["a"], [0.0, 1.0])
    for members, match in {
        (("a", PLAIN), ("a_", PLAIN)): "x.npz: a: got the array twice",
        (("a", _npy((10**12,), b"0" * 16)),): r"x.npz: a: got .*bytes where float64 \(1000000000000,\) takes",
        (("a", _npy((1,), np.arange(2.0).tobytes() + b"0" * 70_000)),): "x.npz: a: got .*bytes where",
        (("a", _npy((1,), b"0" * 8, "|O")),): "x.npz: a: got an array of objects.*save it again without objects",
        (("a", b"text"),): "x.npz: a: got",
        (("a", b""),): "x.npz: a: got",
        (("a", _npy((-1,), b"")),): r"x.npz: a: got shape \(-1,\)",
    }.items():
        with pytest.raises(InvalidDataError, match=match):
            read_npz(_archive(tmp_path / "x.npz", **dict(members)))


def test_npz_names_come_first(tmp_path: Path) -> None:
    def check(names: list[str]) -> None:
        raise InvalidDataError("x", got=names, expected="others")

    path = _archive(tmp_path / "x.npz", damaged=b"no array at all")
    with pytest.raises(InvalidDataError, match=r"x: got \['damaged'\]"):
        read_npz(path, InvalidDataError, check)


def test_npz_of_terabytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _archive(tmp_path / "x.npz", a=PLAIN)
    content = bytearray(path.read_bytes())
    at = content.find(b"PK\x01\x02")
    content[at + 24 : at + 28] = struct.pack("<I", 0xFFFFFFF0)  # the archive's directory says 4 GiB
    path.write_bytes(bytes(content))
    with pytest.raises(InvalidDataError, match=r"x.npz: a: got .*bytes"):
        read_npz(path)
    _archive(path, a=_npy((10**6,), bytes(8 * 10**6)))
    content = bytearray(path.read_bytes())
    at = content.find(b"PK\x01\x02")
    content[at + 20 : at + 24] = struct.pack("<I", 200)  # as many zeros as no 200 bytes stand for
    path.write_bytes(bytes(content))
    with pytest.raises(InvalidDataError, match=r"x.npz: a: got 8,000,128 bytes declared of 200 compressed ones"):
        read_npz(path)
    monkeypatch.setattr(readers, "memory_limit", lambda: 1000)
    with pytest.raises(ResourceError, match=r"x.npz: got .*bytes of arrays, expected at most the memory, 1,000 bytes"):
        read_npz(_archive(tmp_path / "x.npz", a=_npy((1000,), np.ones(1000).tobytes())))


def test_npz_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    for content in (b"", b"PK\x03\x04", PLAIN, b"\x80\x04K\x01."):
        path.write_bytes(content)
        with pytest.raises(InvalidDataError, match=r"x.npz: got .*expected an .npz archive"):
            read_npz(path)
    with pytest.raises(InvalidDataError, match=r"none.npz: file: got No such file"):
        read_npz(tmp_path / "none.npz")


def test_npy(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    path.write_bytes(PLAIN)
    np.testing.assert_array_equal(read_npy(path), [0.0, 1.0])
    empty = _npy((0, 3), b"")
    path.write_bytes(empty)
    assert read_npy(path).shape == (0, 3)
    for content, match in {
        PLAIN[:-1]: "15 bytes of data where float64",
        PLAIN + b"0": "17 bytes of data where float64",
        _npy((10**15,), b""): "0 bytes of data where",
        _npy((1,), b"x" * 8, "|O"): "an array of objects.*save it again without objects",
        b"": "EOF|expected",
        PLAIN.replace(b"NUMPY\x01", b"NUMPY\x09"): "version",
    }.items():
        path.write_bytes(content)
        with pytest.raises(InvalidDataError, match=rf"x.npy: file: got .*{match}"):
            read_npy(path)


@pytest.mark.parametrize(
    "problem", [KeyError("k"), OSError("o"), RuntimeError(""), SystemError("s"), IndexError(), SyntaxError("t")]
)
def test_every_failure_of_a_library_is_one_line(problem: Exception) -> None:
    with pytest.raises(InvalidDataError, match=r"^file: got \S.*, expected a file") as caught, library_errors("file", "a file"):
        raise problem
    assert "\n" not in str(caught.value)
    with pytest.raises(ResourceError, match="more than there is memory"), library_errors("file", "a file"):
        raise MemoryError
    with pytest.raises(KeyboardInterrupt), library_errors("file", "a file"):
        raise KeyboardInterrupt
