#!/usr/bin/env python3
"""Filtered searches of a running server beside Qdrant's engine, which pip installs, without network.

    bench/filter_peers.py build/bench/bin/vector_server_bench MODEL TEXTS --server ADDRESS:PORT \
        --server-pid PID [--vectors 100000]

First `vector_server_bench` runs with one client, which also leaves TEXTS.fvecs; then Qdrant's engine
answers the same queries with the same filters, one thread, int8 codes with rescoring and an index
of the payload, by growing `hnsw_ef` until the recall is reached; processor time for each query.
"""

import argparse
import os
import subprocess
import tempfile
import time

import numpy as np

from index_peers import K, read_fvecs, recall_of

SHARES = [None, 0.001, 0.01, 0.1, 0.5]
SIZES = [10, 14, 20, 28, 40, 56, 80, 112, 160, 224, 320, 448, 640]


def permille(count):
    """As vector_server_bench gives each vector."""
    numbers = np.arange(count, dtype=np.uint64) * np.uint64(2_654_435_761)
    return (numbers & np.uint64(0xFFFFFFFF)) % np.uint64(1000)


class Qdrant:
    def __init__(self, base, directory):
        import qdrant_edge as q
        self.q = q
        hnsw = q.HnswIndexConfig(m=16, ef_construct=200, full_scan_threshold=10_000,
                                 max_indexing_threads=1)
        codes = q.ScalarQuantizationConfig(type=q.ScalarType.Int8, quantile=0.99, always_ram=True)
        config = q.EdgeConfig(
            vectors=q.EdgeVectorParams(size=base.shape[1], distance=q.Distance.Dot),
            hnsw_config=hnsw, quantization_config=codes, max_search_threads=1,
            optimizers=q.EdgeOptimizersConfig(default_segment_number=1, indexing_threshold=1,
                                              max_segment_size=10_000_000))
        path = os.path.join(directory, "qdrant")
        os.makedirs(path)
        self.shard = q.EdgeShard.create(path, config)
        self.shard.update(q.UpdateOperation.create_field_index(
            "permille", q.PayloadSchemaType.Integer))
        values = permille(len(base))
        for first in range(0, len(base), 5_000):
            self.shard.update(q.UpdateOperation.upsert_points(
                [q.Point(first + at, row.tolist(), {"permille": int(values[first + at])})
                 for at, row in enumerate(base[first:first + 5_000])]))
        self.shard.optimize()

    def search(self, queries, size, share):
        q = self.q
        parameters = q.SearchParams(
            hnsw_ef=size, quantization=q.QuantizationSearchParams(rescore=True))
        condition = None
        if share is not None:
            condition = q.Filter(must=[q.FieldCondition(
                "permille", range=q.RangeFloat(lt=float(round(1000 * share))))])
        found = []
        for query in queries:
            request = q.QueryRequest(limit=K, query=q.Query.Nearest(query.tolist()),
                                     filter=condition, params=parameters)
            found.append([point.id for point in self.shard.query(request)])
        return found


def true_neighbors(base, queries, rows):
    found = []
    for first in range(0, len(queries), 100):
        scores = queries[first:first + 100] @ base[rows].T
        found.append(rows[np.argpartition(-scores, K - 1, axis=1)[:, :K]])
    return np.concatenate(found)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("vector_server_bench")
    parser.add_argument("model")
    parser.add_argument("texts")
    parser.add_argument("--server", default="127.0.0.1:7464")
    parser.add_argument("--server-pid", required=True)
    parser.add_argument("--vectors", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()

    subprocess.run(
        [arguments.vector_server_bench, "--server", arguments.server, "--server-pid",
         arguments.server_pid, "--model", arguments.model, "--texts", arguments.texts, "--vectors",
         str(arguments.vectors), "--collection", "filter_bench", "--fields", "1", "--clients", "1",
         "--recalls", "0.95,0.99", "--shares", ",".join(str(share) for share in SHARES[1:])],
        check=True)
    rows = read_fvecs(arguments.texts + ".fvecs", arguments.vectors + arguments.queries)
    base, queries = rows[:arguments.vectors], rows[arguments.vectors:]
    values = permille(len(base))
    with tempfile.TemporaryDirectory() as directory:
        qdrant = Qdrant(base, directory)
        for share in SHARES:
            passing = np.arange(len(base))
            if share is not None:
                passing = np.nonzero(values < round(1000 * share))[0]
            truth = true_neighbors(base, queries, passing)
            wanted = [0.95, 0.99]
            for size in SIZES:
                times = []
                for _ in range(arguments.rounds):
                    begin = time.process_time()
                    found = qdrant.search(queries, size, share)
                    times.append((time.process_time() - begin) / len(queries))
                recall = recall_of(found, truth)
                while wanted and recall >= wanted[0]:
                    print(f"qdrant-edge, filter {share}: recall {recall:.4f} at hnsw_ef {size}, "
                          f"{1000 * min(times):.3f} ms each, {1 / min(times):.0f}/s", flush=True)
                    wanted.pop(0)
                if not wanted:
                    break
            for recall in wanted:
                print(f"qdrant-edge, filter {share}: never reached {recall}", flush=True)


if __name__ == "__main__":
    main()
