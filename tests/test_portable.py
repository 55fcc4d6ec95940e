"""Windows and macOS are not excluded by code: what only some systems have is asked for before it is used."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCES = sorted((Path(__file__).parents[1] / "src").rglob("*.py"))
#: modules that Windows lacks
MODULES = {"fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty"}
#: names that Windows or macOS lacks, by the module that they are in
NAMES = {
    "os": """chown fork forkpty getegid geteuid getgid getloadavg getpgid getpriority getuid killpg mkfifo nice O_CLOEXEC
        O_DIRECT O_DIRECTORY O_NOFOLLOW O_TMPFILE posix_fadvise posix_fallocate posix_spawn pread preadv pwrite pwritev readv
        sched_getaffinity sched_setaffinity sendfile setpgid setpriority setsid statvfs sync sysconf uname wait4 WNOHANG
        writev""",
    "signal": "alarm pause setitimer sigwait SIGALRM SIGCHLD SIGHUP SIGKILL SIGPIPE SIGQUIT SIGUSR1 SIGUSR2 SIGXCPU",
    "time": "clock_gettime tzset",
    "socket": "AF_UNIX",
}


def bare(source: str) -> list[str]:
    """What is used in a function, or at the module's top, though nobody asks whether it is there."""
    tree = ast.parse(source)
    whole = ast.unparse(tree)
    inside = [node for node in tree.body if not isinstance(node, ast.FunctionDef | ast.ClassDef)]
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    found = []
    for place in (*inside, *functions):
        text = ast.unparse(place)
        system = "sys.platform ==" in text or "os.name ==" in text
        for node in ast.walk(place):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                named = node.attr in NAMES.get(node.value.id, "").split()
                asked = system or "except (AttributeError" in text or f"hasattr({node.value.id}, '{node.attr}')" in whole
                found += [f"{node.value.id}.{node.attr}"] if named and not asked else []
            elif isinstance(node, ast.Import | ast.ImportFrom):
                names = [each.name for each in node.names] if isinstance(node, ast.Import) else [str(node.module)]
                found += [name for name in names if name in MODULES and "except ImportError" not in text]
    return found


def test_the_search_finds_what_there_is() -> None:
    assert bare("import fcntl\ndef f():\n    return os.getuid()") == ["fcntl", "os.getuid"]
    assert bare("def f():\n    return os.getuid() if hasattr(os, 'getuid') else 0") == []
    assert bare("def f():\n    try:\n        import resource\n    except ImportError:\n        return 0") == []
    assert len(SOURCES) > 200


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(SOURCES[0].parents[1])))
def test_nothing_needs_one_system(path: Path) -> None:
    assert bare(path.read_text(encoding="utf-8")) == []
