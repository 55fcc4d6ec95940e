import subprocess
import sys

import pytest

HEAVY = ("torch", "cvxpy", "matplotlib", "pettingzoo", "gymnasium", "jax")
CODE = """
import sys
{statement}
heavy = sorted({{name.split('.')[0] for name in sys.modules}} & {{{names}}})
sys.exit(', '.join(heavy) if heavy else 0)
"""


def loaded(statement: str) -> str:
    code = CODE.format(statement=statement, names=", ".join(map(repr, HEAVY)))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stderr.strip()


@pytest.mark.parametrize(
    "statement",
    [
        "import alberdice",
        "import alberdice.environments.smax as s; s.fights('3s5z').close()",
        "import alberdice as ad; g = ad.games.penalty_xor(); ad.tabular.ALGORITHMS['BC'](g.mmdp, g.data('b'))",
    ],
)
def test_the_package_loads_nothing_heavy(statement):
    assert loaded(statement) == ""


def test_the_check_would_see_a_heavy_module():
    assert "matplotlib" in loaded("import matplotlib")
