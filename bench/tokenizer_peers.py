#!/usr/bin/env python3
"""Compares the tokenizer with Hugging Face's fast one: the same texts, one core each, in turns.

  tokenizer_peers.py MODEL TEXTS [--rounds 9]

TEXTS is .jsonl with "text". Both cut at the model's limit; that all ids are equal is checked first.
The peer gets its best case, encode_batch_fast on the whole list, without threads. Needs tokenizers
(pip).
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
import tokenizers  # noqa: E402  (reads the environment when it is imported)


class Peer:
    def __init__(self, model, texts):
        self.texts = texts
        self.tokenizer = tokenizers.Tokenizer.from_file(os.path.join(model, "tokenizer.json"))
        self.tokenizer.no_padding()
        with open(os.path.join(model, "sentence_bert_config.json")) as file:
            self.tokenizer.enable_truncation(json.load(file)["max_seq_length"])

    def ids(self):
        return [encoding.ids for encoding in self.tokenizer.encode_batch_fast(self.texts)]

    def tokens_per_second(self, seconds):
        tokens, start = 0, time.perf_counter()
        while True:
            tokens += sum(len(e) for e in self.tokenizer.encode_batch_fast(self.texts))
            spent = time.perf_counter() - start
            if spent >= seconds:
                return tokens / spent


class Ours:
    def __init__(self, bench, model, texts):
        self.process = subprocess.Popen([bench, model, texts], text=True, bufsize=1,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.process.stdout.readline()

    def ask(self, line):
        self.process.stdin.write(f"{line}\n")
        return self.process.stdout.readline()

    def ids(self):
        texts, ids = [], []
        for word in self.ask("ids").split():
            if word == "-1":
                texts.append(ids)
                ids = []
            else:
                ids.append(int(word))
        return texts

    def tokens_per_second(self, seconds):
        return float(self.ask(seconds))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("texts")
    parser.add_argument("--bench", default="build/bench/bin/tokenizer_bench")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    with open(options.texts) as file:
        texts = [json.loads(line)["text"] for line in file]
    ours, peer = Ours(options.bench, options.model, options.texts), Peer(options.model, texts)
    ids = ours.ids()
    if ids != peer.ids():
        sys.exit("the ids differ")
    print(f"{len(texts)} texts, {sum(map(len, ids))} tokens, all ids equal; "
          f"tokenizers {tokenizers.__version__}")
    our_rates, peer_rates, ratios = [], [], []
    for _ in range(options.rounds):
        before = ours.tokens_per_second(0.25)
        peer_rates.append(peer.tokens_per_second(0.5))
        after = ours.tokens_per_second(0.25)
        our_rates += [before, after]
        ratios.append((before + after) / 2 / peer_rates[-1])
    print(f"ours {statistics.median(our_rates) / 1e6:.1f} M tokens/s, "
          f"peer {statistics.median(peer_rates) / 1e6:.2f} M tokens/s, "
          f"ratio {statistics.median(ratios):.1f} [{min(ratios):.1f}-{max(ratios):.1f}]")


if __name__ == "__main__":
    main()
