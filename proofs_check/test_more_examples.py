"""Every property of this folder again, with ten times as many, new examples (slow)."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FILES = sorted(f.name for f in HERE.glob("[a-z]*_*.py") if not f.name.startswith(("test_", "make_")))


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES)
def test_many_new_examples(file: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(HERE / file)],
        env={**os.environ, "HYPOTHESIS_PROFILE": "slow"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout.startswith("ok "), done.stdout
