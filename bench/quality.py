#!/usr/bin/env python3
"""Measures what the vectors are worth, through the real command line and a running server.

  quality.py sts FILE.tsv                 Spearman correlation of cosine with human scores
  quality.py retrieval DIRECTORY          nDCG@10 of plain search; creates and drops a collection

FILE.tsv has a header with columns sentence1, sentence2 and score. DIRECTORY holds corpus.jsonl or
corpus.jsonl.gz (_id, title, text), queries.jsonl (_id, text) and qrels.tsv (query-id, corpus-id,
score). Needs only Python's standard library. --simile names the command line program, --server the
server.
"""

import argparse
import gzip
import json
import math
import pathlib
import subprocess
import sys
import time


def run(arguments, lines):
    """The standard output of the command line program, given `lines` as its standard input."""
    result = subprocess.run(arguments, input="".join(lines), capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"{' '.join(arguments)} ended with {result.returncode}:\n{result.stderr}")
    return result.stdout


def ranks(values):
    """Fractional ranks: equal values share the mean of their places."""
    order = sorted(range(len(values)), key=values.__getitem__)
    result = [0.0] * len(values)
    first = 0
    while first < len(order):
        last = first
        while last + 1 < len(order) and values[order[last + 1]] == values[order[first]]:
            last += 1
        for place in range(first, last + 1):
            result[order[place]] = (first + last) / 2
        first = last + 1
    return result


def pearson(a, b):
    mean_a, mean_b = sum(a) / len(a), sum(b) / len(b)
    covariance = sum((x - mean_a) * (y - mean_b) for x, y in zip(a, b))
    return covariance / math.sqrt(
        sum((x - mean_a) ** 2 for x in a) * sum((y - mean_b) ** 2 for y in b))


def sts(options):
    with open(options.path, encoding="utf-8") as file:
        columns = file.readline().rstrip("\n").split("\t")
        rows = [dict(zip(columns, line.rstrip("\n").split("\t"))) for line in file]
    texts = [row[side] for row in rows for side in ("sentence1", "sentence2")]
    start = time.time()
    output = run([options.simile, "embed", "--input", "jsonl", "-o", "jsonl", "--server",
                  options.server, "-"], [json.dumps({"text": text}) + "\n" for text in texts])
    seconds = time.time() - start
    vectors = [json.loads(line)["vector"] for line in output.splitlines()]
    cosines = []
    for pair in range(len(rows)):
        a, b = vectors[2 * pair], vectors[2 * pair + 1]
        dot = sum(x * y for x, y in zip(a, b))
        cosines.append(dot / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b)))
    spearman = pearson(ranks(cosines), ranks([float(row["score"]) for row in rows]))
    print(f"pairs {len(rows)}  Spearman {spearman:.4f}  ({len(texts)} texts in {seconds:.1f} s)")


def ndcg_at_10(found, relevant):
    gain = sum(relevant.get(document, 0) / math.log2(place + 2)
               for place, document in enumerate(found[:10]))
    ideal = sorted(relevant.values(), reverse=True)[:10]
    return gain / sum(value / math.log2(place + 2) for place, value in enumerate(ideal))


def retrieval(options):
    directory = pathlib.Path(options.path)
    packed = directory / "corpus.jsonl.gz"
    opened = gzip.open(packed, "rt") if packed.exists() else open(directory / "corpus.jsonl")
    documents = []
    with opened as corpus:
        for line in corpus:
            document = json.loads(line)
            text = f"{document.get('title', '')} {document['text']}".strip()
            if text:
                documents.append(json.dumps({"id": document["_id"], "text": text}) + "\n")
    relevant = {}
    for line in (directory / "qrels.tsv").read_text().splitlines()[1:]:
        query, document, score = line.split("\t")
        if int(score) > 0:
            relevant.setdefault(query, {})[document] = int(score)
    queries = [json.loads(line) for line in (directory / "queries.jsonl").read_text().splitlines()]

    name = f"quality-{int(time.time())}"
    server = ["--server", options.server]
    run([options.simile, "collection", "create", name] + server, [])
    try:
        start = time.time()
        run([options.simile, "import", name, "-", "--format", "jsonl"] + server, documents)
        seconds = time.time() - start
        lines = [json.dumps({"id": query["_id"], "text": query["text"]}) + "\n"
                 for query in queries]
        exact = ["--exact"] if options.exact else []
        output = run([options.simile, "search", name, "--queries", "-", "--input", "jsonl", "-k",
                      "10", "--no-text", "-o", "jsonl"] + exact + server, lines)
    finally:
        run([options.simile, "collection", "delete", name, "--confirm", name] + server, [])
    found = {}
    for line in output.splitlines():
        hit = json.loads(line)
        found.setdefault(hit["query_id"], []).append(hit["id"])
    judged = [query["_id"] for query in queries if query["_id"] in relevant]
    mean = sum(ndcg_at_10(found.get(query, []), relevant[query]) for query in judged) / len(judged)
    print(f"documents {len(documents)}  queries {len(judged)}  nDCG@10 {mean:.4f}  "
          f"(import {len(documents) / seconds:.0f} documents/s)")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=["sts", "retrieval"])
    parser.add_argument("path")
    parser.add_argument("--simile", default="build/release/bin/simile")
    parser.add_argument("--server", default="127.0.0.1:7464")
    parser.add_argument("--exact", action="store_true", help="exact search for retrieval")
    options = parser.parse_args()
    {"sts": sts, "retrieval": retrieval}[options.task](options)


if __name__ == "__main__":
    main()
