import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

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


def third_parties(statement: str) -> set[str]:
    """Installed packages that a fresh process loads by a statement, and parts of scipy."""
    code = f"""
import sys
from pathlib import Path
before = set(sys.modules)
{statement}
files = {{name: Path(getattr(sys.modules[name], '__file__', None) or '/') for name in set(sys.modules) - before}}
installed = {{name for name, file in files.items() if 'site-packages' in (file.parent.name, file.parent.parent.name)}}
print(*installed, *(name for name in files if name.startswith('scipy.') and name.count('.') == 1))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split()) - {"alberdice"}


def test_the_package_alone_loads_nothing():
    assert third_parties("import alberdice") == set()
    assert "numpy" in third_parties("import alberdice, numpy")  # the check sees what is loaded


def test_the_tabular_layer_loads_no_optimisers():
    found = third_parties(
        "import alberdice as ad; ad.tabular.alternate(ad.games.xor().mmdp, ad.games.xor().data('uniform'), 0.1)"
    )
    assert {"numpy", "scipy"} <= found
    assert "scipy.sparse" in found
    assert "scipy.optimize" not in found


LAZY = ("alberdice", "alberdice.datasets", "alberdice.deep", "alberdice.games")


def names_for_checkers(package: str) -> set[str]:
    """What ``if TYPE_CHECKING`` of a package's source names, for mypy and editors."""
    found = set()
    for node in ast.walk(ast.parse(Path(import_module(package).__file__ or "").read_text())):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            found |= {alias.name for line in node.body if isinstance(line, ast.ImportFrom) for alias in line.names}
            found |= {
                line.target.id for line in node.body if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)
            }
    return found


@pytest.mark.parametrize("package", LAZY)
def test_names_that_are_loaded_late_are_those_that_editors_see(package):
    module = import_module(package)
    for name in module.__all__:
        assert getattr(module, name) is not None
        assert name in dir(module)
    late = names_for_checkers(package)
    assert late
    assert late <= set(module.__all__)
    with pytest.raises(AttributeError, match=f"'{package}' has no attribute 'alternat'"):
        _ = module.alternat


def test_modules_of_the_package_are_there_without_an_import_of_their_own():
    code = (
        "import alberdice as ad; print(ad.errors.SolverError is ad.SolverError, ad.policy.__name__, ad.tabular.bound.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "alberdice.policy", "alberdice.tabular.bound"]
