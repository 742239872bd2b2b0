#!/usr/bin/env bash
# Builds the image and uses it as an operator would: hardened containers, a kill, a stop, a
# snapshot, a restore into another volume. Needs a Docker daemon, or root on Debian 12. Leaves
# nothing behind. The first step that fails ends it with exit code 1 and the container's log.
set -euo pipefail

SIMILE_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/setup.sh
source "$SIMILE_ROOT/scripts/setup.sh"
# shellcheck source=docker/engine.sh
source "$SIMILE_ROOT/docker/engine.sh"

usage() {
  cat <<'TEXT'
usage: docker/test.sh [options]
  --jobs N    compilers at once (default: one or two more than there are cores)
  --keep DIR  without Docker: keep images and compiled files in DIR for the next run
  --help      this text
TEXT
}

jobs="" keep=""
while [ $# -gt 0 ]; do
  case $1 in
    --jobs | --keep)
      [ $# -ge 2 ] || fail "$1 needs a value; see docker/test.sh --help."
      [ "$1" = --keep ] && keep=$2 || jobs=$2
      shift 2
      ;;
    -h | --help) usage && exit 0 ;;
    *) fail "there is no option $1; see docker/test.sh --help." ;;
  esac
done
[[ $jobs =~ ^([1-9][0-9]*)?$ ]] || fail "--jobs is '$jobs'; it must be a number from 1."

readonly size_max=260000000
readonly prefix=simile-test-$$ image=localhost/simile-test bare_image=localhost/simile-test-bare
containers=()
readonly volumes=("$prefix-a" "$prefix-b" "$prefix-c" "$prefix-copies")
work=$keep
if [ -n "$keep" ]; then
  mkdir -p "$keep"
  work=$(cd "$keep" && pwd)
else
  work=$(mktemp -d)
fi

clean_up() {
  local exit_code=$? container
  trap - EXIT
  for container in "${containers[@]}"; do
    if [ "$exit_code" != 0 ]; then
      printf 'log of %s:\n' "$container" >&2
      "${engine[@]}" logs "$container" 2>&1 | tail -30 >&2 || true
    fi
    "${engine[@]}" rm -f "$container" >/dev/null 2>&1 || true
  done
  if [ ${#engine[@]} != 0 ]; then
    "${engine[@]}" volume rm -f "${volumes[@]}" >/dev/null 2>&1 || true
    [ -n "$keep" ] || "${engine[@]}" rmi "$image" "$bare_image" >/dev/null 2>&1 || true
  fi
  [ -n "$keep" ] || rm -rf "$work"
  exit "$exit_code"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# expect WHAT WANTED FOUND
expect() {
  [ "$2" = "$3" ] || fail "$1: '$3', expected '$2'."
  note "ok: $1: $3"
}

# The restrictions of compose.yaml. Servers have no network: the command line runs inside, or in a
# container that shares the server's own.
files_max=$(ulimit -Hn)
[ "$files_max" != unlimited ] && [ "$files_max" -lt 65536 ] || files_max=65536
readonly hardened=(--read-only --tmpfs "/tmp:rw,size=16m,noexec" --cap-drop=ALL
  --security-opt no-new-privileges --pids-limit 1024 --memory 2g
  --ulimit "nofile=$files_max:$files_max" --ulimit nproc=16384:16384)

# start CONTAINER IMAGE: a server on the volume of the same name.
start() {
  containers+=("$1")
  "${engine[@]}" run -d --name "$1" --network none "${hardened[@]}" -v "$1:/var/lib/simile" \
    -e SIMILE_INSECURE=true "$2" >/dev/null || fail "the container $1 did not start."
}

# once [OPTION...] IMAGE ARGUMENT...: simile-server on the second volume and the copies, in a container
# that then goes.
once() {
  "${engine[@]}" run --rm --network none "${hardened[@]}" -v "$prefix-b:/var/lib/simile" \
    -v "$prefix-copies:/copies:ro" "$@"
}

# download SNAPSHOT: to the volume of copies, by the command line in a container of its own.
download() {
  "${engine[@]}" run --rm --network "container:$prefix-a" "${hardened[@]}" \
    -v "$prefix-copies:/var/lib/simile" --entrypoint simile "$image" \
    snapshot download "$1" /var/lib/simile 2>&1
}

inside() { "${engine[@]}" exec -i "$@"; }
simile() { inside "$1" simile "${@:2}"; }
state() { "${engine[@]}" inspect --format "{{.State.$2}}" "$1"; }

wait_healthy() {
  local status=""
  for _ in $(seq 1 300); do
    [ "$(state "$1" Running)" = true ] || fail "$1 ended with exit code $(state "$1" ExitCode)."
    status=$(health_of "$1")
    [ "$status" != healthy ] || break
    sleep 0.2
  done
  expect "health of $1" healthy "$status"
}

# What a command prints, below its step.
indent() { sed 's/^/    /'; }

# The answer as JSON lines, with ids, scores and texts.
search() { simile "$1" search texts "an animal asleep" -k 2 -o jsonl; }
count() { simile "$1" count texts -o json | tr -dc '0-9'; }
ids() { sed -n 's/.*"id":"\([^"]*\)".*/\1/p' | xargs; }

expect_same_answer() {
  [ "$(search "$1")" = "$answer" ] || fail "the answer is now: $(search "$1")"
  note "ok: the answer is the same, to the last digit of the scores"
}

texts() {
  local number=0 text
  while read -r text; do
    number=$((number + 1))
    printf '{"id": "text-%d", "text": "%s", "metadata": {"number": %d}}\n' $number "$text" $number
  done <<'TEXT'
A cat sleeps on the warm windowsill
The dog snores under the kitchen table
Interest rates rose by a quarter of a percent
She repaired the bicycle before breakfast
The train to the coast leaves at noon
Basil and tomatoes grow well side by side
Two hedgehogs spend the winter in our garden shed
The committee postponed its decision again
Rain is expected in the mountains tonight
He learnt to play the cello at sixty
A new bridge will cross the river next year
The library lends telescopes to its members
TEXT
}

check_image() {
  local size label
  size=$("${engine[@]}" image inspect --format '{{.Size}}' "$image")
  layers_of "$image" | indent
  [ "$size" -lt "$size_max" ] || fail "the image has $size bytes, and $size_max are the limit."
  note "ok: image: $size bytes, below $size_max"
  expect "user" 10001:10001 "$("${engine[@]}" image inspect --format '{{.Config.User}}' "$image")"
  for label in title version licenses; do
    note "label $label: $("${engine[@]}" image inspect \
      --format "{{index .Config.Labels \"org.opencontainers.image.$label\"}}" "$image")"
  done
  note "simile-server --version: $(once "$image" --version </dev/null)"
}

check_refusal() {
  local output exit_code=0
  output=$(once "$image" 2>&1 </dev/null) || exit_code=$?
  expect "exit code of a server that would listen on all addresses unasked" 1 "$exit_code"
  [[ $output == *--insecure* ]] || fail "it said: $output"
  note "it says: ${output##*$'\n'}"
}

check_restrictions() {
  local status
  status=$(inside "$1" cat /proc/1/status)
  field() { sed -n "s/^$1:[[:space:]]*//p" <<<"$status"; }
  expect "process 1" simile-server "$(field Name)"
  expect "its user" 10001 "$(field Uid | cut -f2)"
  expect "its capabilities" 0000000000000000 "$(field CapEff)"
  expect "no new privileges" 1 "$(field NoNewPrivs)"
  # shellcheck disable=SC2016  # The dollars are awk's.
  expect "root file system" ro \
    "$(inside "$1" awk '$2 == "/" { split($4, option, ","); print option[1] }' /proc/1/mounts)"
  expect "owner and mode of the volume" "10001:10001 750" "$(inside "$1" stat -c '%u:%g %a' /var/lib/simile)"
}

step "Choosing an engine"
choose_engine
if [ ${#buildah[@]} != 0 ]; then
  write_apt_configuration
  make_base_image
fi

step "Building the image"
"$SIMILE_ROOT/scripts/fetch_model.sh" | sed '$d'
[ "${PIPESTATUS[0]}" = 0 ] || exit 1
revision=$(git -C "$SIMILE_ROOT" rev-parse HEAD 2>/dev/null || echo unknown)
build() { build_image "$@" --build-arg "JOBS=$jobs" --build-arg "REVISION=$revision"; }
build "$image"
check_image

step "Starting a container: no network, read-only root, no capabilities"
check_refusal
start "$prefix-a" "$image"
wait_healthy "$prefix-a"
check_restrictions "$prefix-a"

step "Inserting and searching"
simile "$prefix-a" collection create texts 2>&1 | indent
texts | simile "$prefix-a" import texts --format jsonl 2>&1 | indent
expect "documents" 12 "$(count "$prefix-a")"
answer=$(search "$prefix-a")
indent <<<"$answer"
expect "nearest to 'an animal asleep'" "text-1 text-2" "$(ids <<<"$answer")"

step "Killing and starting again on the same volume"
simile "$prefix-a" put texts "An owl dozes in the barn" --id late >/dev/null
"${engine[@]}" kill -s KILL "$prefix-a" >/dev/null
"${engine[@]}" wait "$prefix-a" >/dev/null
expect "exit code" 137 "$(state "$prefix-a" ExitCode)"
"${engine[@]}" start "$prefix-a" >/dev/null
wait_healthy "$prefix-a"
expect "documents" 13 "$(count "$prefix-a")"
expect "the one written last" late "$(simile "$prefix-a" get texts late -o jsonl | ids)"
simile "$prefix-a" delete texts late >/dev/null 2>&1
expect_same_answer "$prefix-a"

step "Taking a snapshot and a copy of it, deleting two documents, and the same again"
simile "$prefix-a" snapshot create nightly 2>&1 | indent
simile "$prefix-a" snapshot verify nightly 2>&1 | indent
download nightly | indent
simile "$prefix-a" delete texts text-1 text-2 >/dev/null 2>&1
expect "documents" 10 "$(count "$prefix-a")"
simile "$prefix-a" snapshot create later >/dev/null 2>&1
download later | indent
expect "snapshots" "later nightly" \
  "$(simile "$prefix-a" snapshot list -o jsonl | sed 's/.*"name":"\([^"]*\)","create.*/\1/' | sort | xargs)"

step "Restoring one collection beside the one that serves"
simile "$prefix-a" snapshot restore nightly --collection texts --as before 2>&1 | indent
expect "documents of it" 12 "$(simile "$prefix-a" count before -o json | tr -dc '0-9')"

step "Stopping"
"${engine[@]}" stop -t 60 "$prefix-a" >/dev/null
expect "exit code after SIGTERM" 0 "$(state "$prefix-a" ExitCode)"

step "Restoring the copy into a new volume, without a server"
once "$image" verify /copies/nightly | indent
once "$image" restore /copies/nightly --data-dir /var/lib/simile/data | indent
start "$prefix-b" "$image"
wait_healthy "$prefix-b"
expect "documents" 12 "$(count "$prefix-b")"
expect_same_answer "$prefix-b"

step "Without the model"
build "$bare_image" --build-arg MODEL=
note "$("${engine[@]}" image inspect --format '{{.Size}}' "$bare_image") bytes"
start "$prefix-c" "$bare_image"
wait_healthy "$prefix-c"
simile "$prefix-c" collection create vectors --dimension 3 2>&1 | indent
simile "$prefix-c" put vectors --id x --vector '[1, 0, 0]' >/dev/null
simile "$prefix-c" put vectors --id y --vector '[0, 1, 0]' >/dev/null
expect "nearest" y \
  "$(simile "$prefix-c" search vectors --vector '[0.1, 0.9, 0]' -k 1 -o jsonl | ids)"

step "All steps went well"
