#!/usr/bin/env python3
"""How much of the bare encoder's speed an import keeps.

  import_bench.py MODEL TEXTS.jsonl [--rounds 3]

Alternates `encoder_bench MODEL --texts TEXTS` (tokenizing and encoding on all cores, nothing else)
with a real import of the same file: a server of its own on a new data directory, `simile import`
over gRPC with fsync before every acknowledgement. Prints both rates and their ratio per round.
"""

import argparse
import pathlib
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time


def bare_rate(options):
    output = subprocess.run([f"{options.build}/encoder_bench", options.model, "--texts",
                             options.texts], check=True, capture_output=True, text=True).stdout
    return float(re.search(r"([0-9.]+) documents/s", output).group(1))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def import_rate(options):
    address = f"127.0.0.1:{free_port()}"
    simile = f"{options.build}/simile"
    with tempfile.TemporaryDirectory(dir=options.data) as data:
        server = subprocess.Popen([f"{options.build}/simile-server", "--data-dir", data + "/data",
                                   "--model", options.model, "--listen", address],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            for _ in range(200):
                if subprocess.run([simile, "health", "--server", address],
                                  capture_output=True).returncode == 0:
                    break
                time.sleep(0.1)
            subprocess.run([simile, "collection", "create", "bench", "--server", address],
                           check=True, capture_output=True)
            documents = sum(1 for line in open(options.texts, encoding="utf-8") if line.strip())
            start = time.perf_counter()
            subprocess.run([simile, "import", "bench", options.texts, "--server", address],
                           check=True, capture_output=True)
            return documents / (time.perf_counter() - start)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("texts")
    parser.add_argument("--build", default="build/bench/bin", help="directory of the programs")
    parser.add_argument("--data", default=None, help="where the data directories go")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if not pathlib.Path(options.texts).exists():
        sys.exit(f"there is no {options.texts}")
    ratios = []
    for _ in range(options.rounds):
        before, imported, after = bare_rate(options), import_rate(options), bare_rate(options)
        ratios.append(imported / ((before + after) / 2))
        print(f"bare encoder {before:.1f} and {after:.1f} documents/s, import {imported:.1f}, "
              f"ratio {ratios[-1]:.2f}", flush=True)
    print(f"median ratio {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
