"""tools/install_football.sh on doubles of apt-get, dpkg-query, ldconfig, pip and Python: what is called, and what is said."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "tools" / "install_football.sh"
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a script for Debian, by bash")

PYTHON = """#!/bin/bash
here="$(cd "$(dirname "$0")" && pwd)"
case "$*" in
  "-W ignore -"*) cat > /dev/null; echo "no engine"; [ -e "$STATE/works" ]; exit ;;
  *"-m venv "*) mkdir -p "${@: -1}/bin"; cp "$0" "${@: -1}/bin/python"; echo "venv" >> "$STATE/calls"; exit ;;
  *"pip --disable-pip-version-check wheel "*) echo "wheel $*" >> "$STATE/calls"; cmake .
     echo "last words of the build"
     [ ! -e "$STATE/cannot-build" ] || exit 1
     for each; do [ "${before:-}" != --wheel-dir ] || folder=$each; before=$each; done
     mkdir -p "$folder"; touch "$folder/gfootball-2.10.2-cp3-linux.whl"; exit ;;
  *"--force-reinstall"*) echo "wheel installed" >> "$STATE/calls"; [ -e "$STATE/useless" ] || touch "$STATE/works"; exit ;;
  "-m pip"*) echo "pip $*" >> "$STATE/calls"; exit ;;
esac
exec REAL "$@"
"""
DOUBLES = {
    "python": PYTHON.replace("REAL", sys.executable),
    "apt-get": '#!/bin/bash\necho "apt-get $*" >> "$STATE/calls"\n[ ! -e "$STATE/offline" ]\n',
    "dpkg-query": '#!/bin/bash\ngrep -qx "${@: -1}" "$STATE/missing" && exit 1\necho installed\n',
    "ldconfig": '#!/bin/bash\necho "  $(cat "$STATE/boost").so.1 => /usr/lib"\n',
    "id": '#!/bin/bash\ncat "$STATE/id"\n',
    "sudo": "#!/bin/bash\nexit 1\n",
    "cmake": '#!/bin/bash\necho "cmake $*" >> "$STATE/calls"\n',
}


class Machine:
    """One that has what the tests say."""

    def __init__(self, folder):
        self.folder, self.bin = folder, folder / "bin"
        self.bin.mkdir()
        for name, text in DOUBLES.items():
            (self.bin / name).write_text(text)
            (self.bin / name).chmod(0o755)
        for name, text in {"missing": "", "id": "0", "boost": f"libboost_python3{sys.version_info[1]}", "calls": ""}.items():
            (folder / name).write_text(text)

    def run(self, *arguments, cwd=None):
        """The exit code, what was said, and the calls."""
        (self.folder / "calls").write_text("")
        environment = {"PATH": f"{self.bin}:{os.environ['PATH']}", "STATE": str(self.folder), "HOME": str(self.folder)}
        done = subprocess.run([SCRIPT, *arguments], capture_output=True, text=True, env=environment, check=False, cwd=cwd)
        return done.returncode, done.stdout + done.stderr, (self.folder / "calls").read_text().splitlines()


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_it_installs_what_is_missing_and_then_nothing(machine):
    (machine.folder / "missing").write_text("cmake\nlibegl-dev\n")
    code, said, calls = machine.run(str(machine.bin / "python"))
    assert code == 0, said
    assert "gfootball==2.10.2 is there, for " in said
    apt, build = calls[1], [call for call in calls if call.startswith("wheel ")]
    assert calls[0].endswith("update")
    assert apt.endswith("install -y --no-install-recommends cmake libegl-dev")
    assert f"install --constraint {ROOT}/constraints.txt gym>=0.26.2,<0.27" in calls[2]
    assert len(build) == 2  # built, installed
    (cmake,) = [call for call in calls if call.startswith("cmake ")]
    assert cmake.startswith(
        "cmake . -DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=16 -DCMAKE_PROJECT_gameplayfootball_"
    )
    assert "--no-build-isolation" in build[0]
    code, said, calls = machine.run(str(machine.bin / "python"))
    assert (code, calls) == (0, [])
    assert "is there already" in said


def test_python_may_be_named_from_here(machine):
    """As the Makefile does; a game is begun in another folder."""
    code, said, _ = machine.run("bin/python", cwd=machine.folder)
    assert code == 0, said
    assert f"gfootball==2.10.2 is there, for {machine.bin / 'python'}" in said


def test_packages_are_left_out_on_request(machine):
    (machine.folder / "missing").write_text("cmake\n")
    code, said, calls = machine.run("--no-packages", "python")
    assert code == 0, said
    assert not [call for call in calls if call.startswith("apt-get")]


def test_whoever_may_not_install_packages_is_told_which(machine):
    (machine.folder / "missing").write_text("cmake\n")
    (machine.folder / "id").write_text("1000")
    code, said, calls = machine.run("python")
    assert (code, calls) == (1, [])
    assert "have them installed and run this again: apt-get install cmake" in said


@pytest.mark.parametrize(
    ("state", "text", "message"),
    [
        ("offline", "", "the packages could not be installed"),
        ("boost", "libboost_python27", "Boost is not built for Python 3."),
        ("cannot-build", "", "it could not be built"),
        ("useless", "", "it was built, but no game can be begun"),
    ],
)
def test_what_does_not_work_is_said(machine, state, text, message):
    (machine.folder / "missing").write_text("cmake\n")
    (machine.folder / state).write_text(text)
    code, said, calls = machine.run("python")
    assert code == 1
    assert message in said.splitlines()[-1]
    if state == "cannot-build":
        assert "last words of the build" in said
        assert "wheel installed" not in calls
    if state == "useless":
        assert sum("--no-cache-dir" in call for call in calls) == 1
        assert "no engine" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--fast"], "--fast is not known"), (["a", "b"], "one Python at most"), (["/no/python"], "no such Python: /no/python")],
)
def test_wrong_requests_are_refused(machine, arguments, message):
    code, said, calls = machine.run(*arguments)
    assert (code, calls) == (2, [])
    assert message in said


@pytest.fixture
def prefix(machine):
    """The doubled Python's environment."""
    folder = machine.folder / "environment"
    folder.mkdir()
    text = (machine.bin / "python").read_text()
    asked = f'  *"print(sys.prefix)"*) echo {folder}; exit ;;\n'
    (machine.bin / "python").write_text(text.replace('case "$*" in\n', f'case "$*" in\n{asked}'))
    return folder


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ("offline", "the packages could not be installed (above: apt-get's last words)"),
        ("cannot-build", "it could not be built (above: the last words)"),
        ("useless", "it was built, but no game can be begun (above: why)"),
        ("slow", "it was not done within ten minutes"),
    ],
)
def test_ci_goes_on_without_an_engine_and_is_told_why(machine, prefix, state, why):
    (machine.folder / "missing").write_text("cmake\n")
    (machine.folder / state).write_text("")
    if state == "slow":
        (machine.bin / "timeout").write_text("#!/bin/bash\nexit 124\n")
        (machine.bin / "timeout").chmod(0o755)
    code, said, _ = machine.run("--if-possible", str(machine.bin / "python"))
    line = f"football: not built, because: {why}"
    assert (code, said.splitlines()[-1]) == (0, line)
    assert (prefix / "football-not-built").read_text() == f"{line}\n"


def test_ci_builds_it_where_it_can_be_built(machine, prefix):
    (prefix / "football-not-built").write_text("an earlier try\n")
    code, said, _ = machine.run("--if-possible", str(machine.bin / "python"))
    assert (code, said.splitlines()[-1].startswith("install_football: gfootball==2.10.2 is there")) == (0, True)
    assert not (prefix / "football-not-built").exists()


def test_ci_tries_before_the_slow_tests():
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert lines.index("make football-if-possible") + 1 == lines.index("make slow")
