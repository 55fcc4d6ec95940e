#!/usr/bin/env bash
# Google Research Football for alberdice: gfootball is not kept any more and has no wheels, so that it is built from its source.
#
#   tools/install_football.sh [--no-packages] [PYTHON]
#   tools/install_football.sh --if-possible [PYTHON]        for .ci/run: never fails, and ends within ten minutes; where it did not
#                                                           work, a line says 'football: not built, because ...', and the tests
#                                                           that need the engine are skipped with these words
#
#   1. Debian packages that building needs, if any is missing (apt-get, as root or through sudo); --no-packages leaves them out
#   2. what gfootball needs of Python: the extra 'football' of pyproject.toml, with the versions of constraints.txt
#   3. a wheel of gfootball, built in an environment of its own (345 processor seconds; pip keeps it for the next time), installed
#      without its list of needs, which names packages that cannot stand beside ours
#   4. one game is begun
#
# PYTHON is where it goes: the argument, $PYTHON, the active environment or this repository's .venv, in this order.  Where all is
# there already, nothing is done.  Exit codes: 0 done, 1 it did not work, 2 it was asked for in a wrong way.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
libraries=(build-essential cmake libgl1-mesa-dev libegl-dev libsdl2-dev libsdl2-image-dev libsdl2-ttf-dev libsdl2-gfx-dev
  libboost-python-dev libboost-thread-dev libboost-system-dev libboost-filesystem-dev)
packages=yes

say() { echo "install_football: $*"; }
stop() { echo "install_football: $2" >&2; exit "$1"; }

# The same script as a process of its own, which a dead network or a slow machine cannot hold up for ever.
if [ "${1:-}" = --if-possible ]; then
  shift
  python=${1:-$root/.venv/bin/python}
  note=$("$python" -c 'import sys; print(sys.prefix)')/football-not-built || note=/dev/null
  said=$(mktemp)
  trap 'rm -f "$said"' EXIT
  code=0
  timeout -k 10 600 "$0" "$@" > "$said" 2>&1 || code=$?
  cat "$said"
  if [ $code = 0 ]; then rm -f "$note"; exit 0; fi
  why=$(sed -n 's/^install_football: //p' "$said" | tail -n 1)
  if [ $code = 124 ] || [ $code = 137 ]; then why="it was not done within ten minutes"; fi
  echo "football: not built, because: ${why:-exit code $code}" | tee "$note" || true
  exit 0
fi
if [ "${1:-}" = --no-packages ]; then packages=no; shift; fi
case "${1:-}" in -*) stop 2 "$1 is not known; see the head of this file" ;; esac
[ $# -le 1 ] || stop 2 "one Python at most"

python=${1:-${PYTHON:-}}
if [ -z "$python" ]; then
  for each in "${VIRTUAL_ENV:-/nowhere}/bin/python" "$root/.venv/bin/python"; do
    if [ -x "$each" ]; then python=$each; break; fi
  done
fi
[ -n "$python" ] || stop 2 "no Python: name one, activate an environment, or make .venv (make .venv/dev)"
python=$(command -v "$python") || stop 2 "no such Python: ${1:-$PYTHON}"
python=$(cd "$(dirname "$python")" && pwd)/$(basename "$python")  # it is called from other folders, too; a link stays one
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || stop 2 "$python is older than Python 3.11"
wanted=$(grep '^gfootball==' "$root/constraints.txt")

works() {
  (cd / && "$python" -W ignore - "${wanted#*==}") << 'END' > "$log" 2>&1
import sys
from importlib.metadata import version
assert version("gfootball") == sys.argv[1], f"gfootball {version('gfootball')} is there, {sys.argv[1]} is wanted"
from gfootball.env import config, football_env
settings = {"level": "academy_run_pass_and_shoot_with_keeper", "players": ["agent:left_players=1"], "game_engine_random_seed": 1}
game = football_env.FootballEnv(config.Config(settings))
assert len(game.reset()) == 1
game.close()
END
}

work=$(mktemp -d)
log=$work/log
trap 'rm -rf "$work"' EXIT
if works; then say "$wanted is there already, for $python"; exit 0; fi

# ---- 1. packages ---------------------------------------------------------------------------------------------------------
if [ $packages = yes ]; then
  command -v dpkg-query > /dev/null ||
    stop 1 "no Debian here: install what corresponds to ${libraries[*]}, and run this with --no-packages"
  missing=()
  for each in "${libraries[@]}"; do
    dpkg-query -W -f '${db:Status-Status}' "$each" 2> /dev/null | grep -qx installed || missing+=("$each")
  done
  if [ ${#missing[@]} -gt 0 ]; then
    as_root=()
    if [ "$(id -u)" != 0 ]; then
      if ! command -v sudo > /dev/null || ! sudo -n true 2> /dev/null; then
        stop 1 "packages are missing; have them installed and run this again: apt-get install ${missing[*]}"
      fi
      as_root=(sudo -n)
    fi
    say "Debian packages: ${missing[*]}"
    apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300)
    "${apt[@]}" update > "$log" 2>&1 || { tail -n 5 "$log" >&2; say "the list of packages could not be renewed; going on with the old one"; }
    "${apt[@]}" install -y --no-install-recommends "${missing[@]}" > "$log" 2>&1 ||
      { tail -n 5 "$log" >&2; stop 1 "the packages could not be installed (above: apt-get's last words)"; }
  fi
fi
minor=$("$python" -c 'import sys; print(f"3{sys.version_info[1]}")')
if command -v ldconfig > /dev/null && ! { PATH=$PATH:/sbin ldconfig -p || true; } | grep -q "libboost_python$minor"; then
  stop 1 "Boost is not built for Python 3.${minor#3}, which $python is; use the version that this system has as python3"
fi

# ---- 2. needs of Python --------------------------------------------------------------------------------------------------
pip=("$python" -m pip --disable-pip-version-check --quiet)
mapfile -t needs < <("$python" - "$root/pyproject.toml" << 'END'
import sys, tomllib
from pathlib import Path
print(*tomllib.loads(Path(sys.argv[1]).read_text())["project"]["optional-dependencies"]["football"], sep="\n")
END
)
say "for $python: ${needs[*]}"
"${pip[@]}" install --constraint "$root/constraints.txt" "${needs[@]}" > "$log" 2>&1 ||
  { tail -n 5 "$log" >&2; stop 1 "what it needs of Python could not be installed (above: pip's last words)"; }

# ---- 3. the engine -------------------------------------------------------------------------------------------------------
build() {
  "$python" -m venv "$work/venv" && put_files_together &&
    "$work/venv/bin/python" -m pip --disable-pip-version-check --quiet install -c "$root/constraints.txt" setuptools wheel psutil &&
    PATH=$work/venv/bin:$PATH VIRTUAL_ENV=$work/venv "$work/venv/bin/python" -m pip --disable-pip-version-check wheel "$@" \
      --no-deps --no-build-isolation --wheel-dir "$work/wheels" "$wanted"
}
# Most of the time would go into reading the same headers for each of 109 files.  cmake, as gfootball calls it, is told to put
# files together, 16 at most; options stay as they are.  Two files, whose constants or macros have names of others, stay alone.
put_files_together() {
  local cmake
  cmake=$(command -v cmake) || return 0
  echo 'set_source_files_properties(src/onthepitch/player/humanoid/humanoid.cpp src/misc/perlin.cpp PROPERTIES' \
    'SKIP_UNITY_BUILD_INCLUSION ON)' > "$work/alone.cmake"
  cat > "$work/venv/bin/cmake" << END
#!/bin/sh
exec "$cmake" "\$@" -DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=16 \
  "-DCMAKE_PROJECT_gameplayfootball_INCLUDE=$work/alone.cmake"
END
  chmod +x "$work/venv/bin/cmake"
}
for fresh in "" --no-cache-dir; do
  rm -rf "$work/venv" "$work/wheels"
  say "building $wanted, or taking pip's own copy${fresh:+: once more, without that copy}"
  build $fresh > "$log" 2>&1 || { tail -n 20 "$log" >&2; stop 1 "it could not be built (above: the last words)"; }
  "${pip[@]}" install --no-deps --force-reinstall "$work"/wheels/gfootball-*.whl > "$log" 2>&1 ||
    { tail -n 5 "$log" >&2; stop 1 "the wheel could not be installed (above: pip's last words)"; }
  if works; then say "$wanted is there, for $python"; exit 0; fi
done
tail -n 5 "$log" >&2
stop 1 "it was built, but no game can be begun (above: why)"
