# shellcheck shell=bash
# Steps that quickstart.sh and test.sh share: messages, system check, packages, free space, build.
# To be sourced; needs SIMILE_ROOT.

# shellcheck source=scripts/packages.sh
source "$SIMILE_ROOT/scripts/packages.sh"

step() { printf '==> %s\n' "$*"; }
note() { printf '    %s\n' "$*"; }
fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# Refuses what these scripts do not know, in one sentence.
check_system() {
  [ -r /etc/os-release ] || fail "this is not Debian 12 (no /etc/os-release); see README.md for building by hand."
  local id version
  id=$(. /etc/os-release && echo "${ID:-unknown}")
  version=$(. /etc/os-release && echo "${VERSION_ID:-unknown}")
  if [ "$id" != debian ] || [ "$version" != 12 ]; then
    fail "this script knows Debian 12, and this is $id $version; see README.md for building by hand."
  fi
  case $(uname -m) in
    x86_64 | aarch64) ;;
    *) fail "Simile runs on x86_64 and aarch64, and this machine is $(uname -m)." ;;
  esac
}

# check_free_space MEBIBYTES: of the file system that holds the project.
check_free_space() {
  local free_mib
  free_mib=$(($(df --output=avail -k "$SIMILE_ROOT" | tail -1) / 1024))
  [ "$free_mib" -ge "$1" ] ||
    fail "$SIMILE_ROOT has $free_mib MiB free, and $1 MiB are needed: make room and run this again."
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    fail "installing packages needs root: run this as root, or install sudo."
  fi
}

# install_packages NAME...: installs those that are missing.
install_packages() {
  local missing=() name
  for name in "$@"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing+=("$name")
  done
  if [ ${#missing[@]} = 0 ]; then
    note "all $# Debian packages are installed"
    return
  fi
  local log="$SIMILE_ROOT/build/packages.log"
  mkdir -p "$SIMILE_ROOT/build"
  note "installing ${#missing[@]} of $# Debian packages: ${missing[*]}"
  if ! as_root apt-get update >"$log" 2>&1; then
    tail -3 "$log" >&2
    fail "apt-get update failed, see $log: is there a network and a working package source?"
  fi
  if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    "${missing[@]}" >>"$log" 2>&1; then
    tail -5 "$log" >&2
    fail "apt-get install failed, see $log for the reason (network, disk or a broken package)."
  fi
}

# Of ninja's "[12/345] ..." lines, says when another quarter is done.
show_quarters() {
  local line next=25 percent
  while read -r line; do
    [[ $line =~ ^\[([0-9]+)/([0-9]+)\] ]] || continue
    percent=$((100 * BASH_REMATCH[1] / BASH_REMATCH[2]))
    [ "$percent" -ge "$next" ] || continue
    note "${BASH_REMATCH[1]} of ${BASH_REMATCH[2]} steps"
    next=$((percent / 25 * 25 + 25))
  done
}

# build PRESET [TARGET...]
build() {
  local preset=$1 log="$SIMILE_ROOT/build/$1.log"
  shift
  mkdir -p "$SIMILE_ROOT/build"
  local targets=()
  [ $# = 0 ] || targets=(--target "$@")
  if ! (cd "$SIMILE_ROOT" && cmake --preset "$preset") >"$log" 2>&1; then
    tail -20 "$log" >&2
    fail "configuring the $preset build failed; the whole output is in $log."
  fi
  # ninja's own progress line shows how far it is; off a terminal it would be a line per file.
  if [ -t 1 ]; then
    (cd "$SIMILE_ROOT" && cmake --build --preset "$preset" "${targets[@]}") ||
      fail "the $preset build failed."
  elif ! (cd "$SIMILE_ROOT" && cmake --build --preset "$preset" "${targets[@]}") 2>&1 |
    tee -a "$log" | show_quarters; then
    grep -E 'error|FAILED|No space' "$log" | head -20 >&2
    fail "the $preset build failed; the whole output is in $log."
  fi
}
