#!/usr/bin/env python3
"""Compares the encoder with other engines on the same weights, token ids in, vectors out.

  encoder_peers.py MODEL [--engines openvino-bf16,onnxruntime] [--tokens 16,32,128,256]
                         [--batch 32] [--isa LEVEL] [--threads 1] [--rounds 7] [--mixed]

Each engine is a process of its own. Slices alternate, ours before and after each of the peer's, and
the ratio is taken within each such group, so that it holds although the machine's speed drifts. That
the first vectors agree is checked before. --mixed takes 256 texts of log-normal length (mean 60
tokens, at most 256): peers get batches of 32, sorted by length and padded; ours takes the sequences
end to end. Engines: see ENGINES in encoder_engines.py. Needs numpy and safetensors, and for each
engine its package (pip); an engine whose package is missing is left out with a line.
"""

import argparse
import statistics
import subprocess
import sys
import time

import numpy as np

import encoder_engines

MIXED_TEXTS, MIXED_MEAN, MIXED_SPREAD, MIXED_CAP = 256, 60, 0.7, 256


def token_ids(sequence, length):
    """As encoder_bench.cc makes them."""
    ids = 1000 + (sequence * 7919 + np.arange(length) * 104729) % 29000
    ids[0], ids[-1] = 101, 102
    return ids.astype(np.int64)


def padded_batches(lengths, batch):
    """Batches of (ids, mask) in order of length, each as wide as its longest sequence."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    for first in range(0, len(order), batch):
        chosen = order[first:first + batch]
        width = max(lengths[sequence] for sequence in chosen)
        ids = np.zeros((len(chosen), width), np.int64)
        mask = np.zeros((len(chosen), width), np.int64)
        for row, sequence in enumerate(chosen):
            ids[row, :lengths[sequence]] = token_ids(sequence, lengths[sequence])
            mask[row, :lengths[sequence]] = 1
        yield ids, mask


def mixed_lengths():
    """Quantiles of the log-normal distribution, shuffled by a fixed seed."""
    normal = statistics.NormalDist(np.log(MIXED_MEAN) - MIXED_SPREAD ** 2 / 2, MIXED_SPREAD)
    lengths = [int(np.exp(normal.inv_cdf((at + 0.5) / MIXED_TEXTS))) for at in range(MIXED_TEXTS)]
    np.random.default_rng(7).shuffle(lengths)
    return [min(max(length, 3), MIXED_CAP) for length in lengths]


def serve(name, model, threads):
    """Answers lines "SECONDS BATCH LENGTH..." with documents/s; with 0 seconds, the first vector."""
    engine = encoder_engines.ENGINES[name](model, threads)
    print(engine.version, flush=True)
    for line in sys.stdin:
        seconds, batch, *lengths = line.split()
        batches = list(padded_batches([int(length) for length in lengths], int(batch)))
        if float(seconds) == 0:
            print(*engine.encode(*batches[0])[0], flush=True)
            continue
        start, documents = time.perf_counter(), 0
        while True:
            for ids, mask in batches:
                engine.encode(ids, mask)
                documents += len(ids)
            spent = time.perf_counter() - start
            if spent >= float(seconds):
                break
        print(documents / spent, flush=True)


class Worker:
    def __init__(self, command):
        self.process = subprocess.Popen(command, text=True, bufsize=1, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.version = self.process.stdout.readline().strip()

    def ask(self, seconds, batch, lengths):
        self.process.stdin.write(f"{seconds} {batch} {' '.join(map(str, lengths))}\n")
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"{self.version} ended: {self.process.stderr.read()[-500:]}")
        return [float(number) for number in answer.split()]


def compare(ours, peer, name, what, batch, lengths, options):
    a, b = (np.array(worker.ask(0, batch, sorted(lengths))) for worker in (ours, peer))
    cosine = float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    if cosine < 0.8:
        sys.exit(f"{name}: the first vectors have cosine {cosine:.4f}")
    for worker in (ours, peer):
        worker.ask(0.05, batch, lengths)
    our_rates, peer_rates, ratios = [], [], []
    for _ in range(options.rounds):
        before = ours.ask(0.25, batch, lengths)[0]
        peer_rates += peer.ask(0.5, batch, lengths)
        after = ours.ask(0.25, batch, lengths)[0]
        our_rates += [before, after]
        ratios.append((before + after) / 2 / peer_rates[-1])
    print(f"{name:18} {what:>12}  ours {statistics.median(our_rates):7.1f}/s  "
          f"peer {statistics.median(peer_rates):7.1f}/s  ratio {statistics.median(ratios):.2f} "
          f"[{min(ratios):.2f}-{max(ratios):.2f}]  cosine {cosine:.6f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--engines", default=",".join(encoder_engines.ENGINES))
    parser.add_argument("--tokens", default="16,32,128,256")
    parser.add_argument("--batch", type=int, default=32, help="sequences a call")
    parser.add_argument("--mixed", action="store_true", help="texts of mixed length instead")
    parser.add_argument("--isa", default="", help="level of our kernels; default: the best")
    parser.add_argument("--bench", default="build/bench/bin/encoder_bench")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1, help="of each peer; ours has one")
    parser.add_argument("--serve", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return serve(options.serve, options.model, options.threads)
    level = ["--level", options.isa] if options.isa else []
    ours = Worker([options.bench, options.model, "--serve"] + level)
    print(f"ours: {ours.version}, {options.batch} sequences a call")
    for name in options.engines.split(","):
        peer = Worker([sys.executable, __file__, options.model, "--serve", name, "--threads",
                       str(options.threads)])
        if not peer.version:
            packages = encoder_engines.PACKAGES[name.split("-")[0]]
            print(f"{name}: left out, it does not start; it needs: pip install {packages}")
            continue
        print(f"{name}: {peer.version}")
        if options.mixed:
            lengths = mixed_lengths()
            compare(ours, peer, name, "mixed", options.batch, lengths, options)
            continue
        for tokens in map(int, options.tokens.split(",")):
            compare(ours, peer, name, f"{tokens} tokens", options.batch, [tokens] * options.batch,
                    options)


if __name__ == "__main__":
    main()
