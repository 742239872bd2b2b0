#!/usr/bin/env bash
# From a clean checkout to answers: installs what is missing, fetches the model, builds, starts the
# server, imports the descriptions of Debian's packages and searches them in plain language.
# Running it again skips what is done.
set -euo pipefail

SIMILE_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/setup.sh
source "$SIMILE_ROOT/scripts/setup.sh"

usage() {
  cat <<'TEXT'
usage: ./quickstart.sh [options]
  --limit N       package descriptions to import (default 10000)
  --keep          leave the server running
  --model DIR     use this sentence-transformers directory (or set SIMILE_MODEL_DIR)
  --port N        port on 127.0.0.1 (default 7464)
  --data-dir DIR  where the server keeps its data (default data/quickstart)
  --help          this text
TEXT
}

limit=10000 keep=false model=${SIMILE_MODEL_DIR:-} port=7464 data=$SIMILE_ROOT/data/quickstart
while [ $# -gt 0 ]; do
  case $1 in
    --limit | --model | --port | --data-dir)
      [ $# -ge 2 ] || fail "$1 needs a value; see ./quickstart.sh --help."
      case $1 in
        --limit) limit=$2 ;;
        --model) model=$2 ;;
        --port) port=$2 ;;
        --data-dir) data=$2 ;;
      esac
      shift 2
      ;;
    --keep) keep=true && shift ;;
    -h | --help) usage && exit 0 ;;
    *) fail "there is no option $1; see ./quickstart.sh --help." ;;
  esac
done
[[ $limit =~ ^[1-9][0-9]*$ ]] || fail "--limit is '$limit'; it must be a number from 1."
[[ $port =~ ^[1-9][0-9]*$ && $port -le 65535 ]] || fail "--port is '$port'; it must be 1 to 65535."

readonly server=127.0.0.1:$port collection=packages
readonly simile=$SIMILE_ROOT/build/release/bin/simile
readonly corpus=$SIMILE_ROOT/data/packages-$limit.jsonl
server_pid=""

stop_server() {
  [ -n "$server_pid" ] || return 0
  kill -TERM "$server_pid" 2>/dev/null || return 0
  wait "$server_pid" 2>/dev/null || true
  server_pid=""
}
trap stop_server EXIT
trap 'exit 130' INT TERM

# True when something listens on the port already.
port_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }

start_server() {
  port_taken && fail "port $port on 127.0.0.1 is taken: stop what listens there, or give --port N."
  mkdir -p "$(dirname "$data")"
  local log=$data.log
  "$SIMILE_ROOT/build/release/bin/simile-server" --data-dir "$data" --model "$model" \
    --listen "$server" >"$log" 2>&1 </dev/null &
  server_pid=$!
  # Five minutes: what was imported before is indexed again first.
  for _ in $(seq 1 1500); do
    "$simile" health --server "$server" >/dev/null 2>&1 && break
    kill -0 "$server_pid" 2>/dev/null || {
      tail -2 "$log" >&2
      server_pid=""
      fail "the server did not start; its log is $log."
    }
    sleep 0.2
  done
  "$simile" health --server "$server" >/dev/null ||
    fail "the server did not become ready within five minutes; its log is $log."
  note "$(grep -m1 listening "$log" || head -1 "$log")"
}

import_packages() {
  if [ ! -s "$corpus" ]; then
    mkdir -p "$(dirname "$corpus")"
    [ "$(apt-cache pkgnames | wc -l)" -gt 1000 ] || as_root apt-get update >/dev/null ||
      fail "apt-get update failed, so this machine knows no packages to describe: is there a network?"
    /usr/bin/python3 "$SIMILE_ROOT/scripts/debian_packages.py" --limit "$limit" >"$corpus.new" ||
      fail "the package descriptions could not be read from apt."
    mv "$corpus.new" "$corpus"
  fi
  local documents stored=0
  documents=$(wc -l <"$corpus")
  [ "$documents" -gt 0 ] || fail "apt knows no package descriptions; run apt-get update and try again."
  if "$simile" collection show "$collection" --server "$server" >/dev/null 2>&1; then
    stored=$("$simile" count "$collection" -o json --server "$server" | tr -dc '0-9')
  else
    "$simile" collection create "$collection" --server "$server" >/dev/null
  fi
  if [ "$stored" -ge "$documents" ]; then
    note "$stored descriptions are in the collection already"
    return
  fi
  "$simile" import "$collection" "$corpus" --server "$server"
}

search() {
  printf '\n$ simile search %s "%s" -k 5\n' "$collection" "$1"
  "$simile" search "$collection" "$1" -k 5 -o table --server "$server"
}

step "1/6 Checking the system and its packages"
check_system
check_free_space 2500
install_packages "${SIMILE_BUILD_PACKAGES[@]}" "${SIMILE_SCRIPT_PACKAGES[@]}"

step "2/6 Fetching the model"
if [ -n "$model" ]; then
  [ -f "$model/model.safetensors" ] || fail "there is no model.safetensors in $model."
  note "using $model"
else
  "$SIMILE_ROOT/scripts/fetch_model.sh" | sed '$d'
  [ "${PIPESTATUS[0]}" = 0 ] || exit 1
  model=$SIMILE_ROOT/models/all-MiniLM-L6-v2
fi

step "3/6 Building (some minutes the first time)"
build release

step "4/6 Starting the server"
start_server

step "5/6 Importing descriptions of Debian packages"
import_packages

step "6/6 Searching by meaning"
search "make a picture smaller"
search "find out which process eats my memory"
search "keep my passwords in a safe place"

step "Going on by hand"
some_id=$("$simile" list "$collection" --limit 1 --server "$server" -o jsonl |
  sed -n 's/^{"id":"\([^"]*\)".*/\1/p')
cat <<TEXT
    build/release/bin/simile-server --data-dir $data --model $model --listen $server
    build/release/bin/simile search $collection "your words" --server $server
    build/release/bin/simile search $collection --like $some_id --server $server
    build/release/bin/simile --help
TEXT
if $keep; then
  note "the server goes on as process $server_pid on $server; stop it with: kill $server_pid"
  disown "$server_pid"
  server_pid=""
else
  stop_server
  note "the server was stopped; --keep leaves it running"
fi
