#!/usr/bin/env bash
# Installs what the tests need, builds and runs them. --full runs them under the sanitizers, and
# without one the slow tests and those of which a sanitizer leaves something out.
# Running it again builds only what has changed.
set -euo pipefail

SIMILE_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/setup.sh
source "$SIMILE_ROOT/scripts/setup.sh"

full=false
case ${1:-} in
  "") ;;
  --full) full=true ;;
  -h | --help)
    echo "usage: ./test.sh [--full]   (--full: with address, undefined-behaviour and thread sanitizers, and slow tests)"
    exit 0
    ;;
  *) fail "there is no option $1; see ./test.sh --help." ;;
esac

failed=()
# run_tests PRESET: keeps going after a failure, so that one run shows all.
run_tests() {
  step "Testing: ctest --preset $1"
  (cd "$SIMILE_ROOT" && ctest --preset "$1") || failed+=("$1")
}

step "Checking the system and its packages"
check_system
if $full; then check_free_space 9000; else check_free_space 3000; fi
packages=("${SIMILE_BUILD_PACKAGES[@]}" "${SIMILE_SCRIPT_PACKAGES[@]}" "${SIMILE_TEST_PACKAGES[@]}")
if $full; then packages+=("${SIMILE_SANITIZER_PACKAGES[@]}"); fi
install_packages "${packages[@]}"

step "Fetching the model"
if [ -n "${SIMILE_MODEL_DIR:-}" ]; then
  note "using $SIMILE_MODEL_DIR"
else
  "$SIMILE_ROOT/scripts/fetch_model.sh" | sed '$d'
  [ "${PIPESTATUS[0]}" = 0 ] || exit 1
fi

if $full; then
  step "Building: dev, what runs without a sanitizer"
  build dev plain_tests
  run_tests plain
  for preset in tsan asan; do
    step "Building: $preset"
    build "$preset"
    run_tests "$preset"
  done
else
  step "Building: dev"
  build dev
  run_tests dev
fi

if [ ${#failed[@]} -gt 0 ]; then
  printf 'error: tests failed in: %s\n' "${failed[*]}" >&2
  exit 1
fi
