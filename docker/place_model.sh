#!/usr/bin/env bash
# place_model.sh FROM MODEL TO: copies FROM/MODEL, or what fetch_model.sh fetches, to TO/MODEL,
# readable by all. An empty MODEL makes an empty TO. Runs inside the build of the image.
set -euo pipefail

SIMILE_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/setup.sh
source "$SIMILE_ROOT/scripts/setup.sh"

[ $# = 3 ] || fail "place_model.sh takes three arguments, and these are $#."
readonly from=$1 model=$2 to=$3 fetched=all-MiniLM-L6-v2
mkdir -p "$to"
if [ -z "$model" ]; then
  note "no model goes into the image"
  exit 0
fi

mkdir -p "$SIMILE_ROOT/models"
[ ! -d "$from/$model" ] || cp -r "$from/$model" "$SIMILE_ROOT/models/"
if [ "$model" = "$fetched" ]; then
  # Checks the weights that were copied, and fetches them where there are none.
  "$SIMILE_ROOT/scripts/fetch_model.sh"
fi
[ -f "$SIMILE_ROOT/models/$model/model.safetensors" ] ||
  fail "there is no models/$model/model.safetensors in the project: put the model there, or build with --build-arg MODEL= for an image without one."
cp -r "$SIMILE_ROOT/models/$model" "$to/"
chmod -R u=rwX,go=rX "$to"
