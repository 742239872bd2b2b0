#!/usr/bin/env python3
"""Our graph beside the strongest libraries that pip installs, on the same vectors.

    bench/index_peers.py build/bench/bin/index_bench MODEL TEXTS [--vectors 100000] [--rounds 3]

First `index_bench` runs (ours and hnswlib), which also leaves TEXTS.fvecs; then every library
builds its index and answers the same queries, in turns, one thread each; last `index_bench` runs
once more, so that a machine that drifts is seen. Queries/s at a recall@10 are read off between two
settings, the best round of each counts. A library whose package is missing is left out. Each is set
as its authors advise for speed at these recalls; degree 32, construction list 200.
"""

import argparse
import json
import math
import os
import re
import subprocess
import tempfile
import time

import numpy as np

K = 10
SIZES = [10, 14, 20, 28, 40, 56, 80, 112, 160, 224, 320]


def read_fvecs(path, count):
    dimension = int(np.fromfile(path, dtype=np.int32, count=1)[0])
    rows = np.fromfile(path, dtype=np.float32, count=count * (dimension + 1))
    return np.ascontiguousarray(rows.reshape(count, dimension + 1)[:, 1:])


def true_neighbors(base, queries):
    found = []
    for first in range(0, len(queries), 100):
        scores = queries[first:first + 100] @ base.T
        found.append(np.argpartition(-scores, K, axis=1)[:, :K])
    return np.concatenate(found)


def recall_of(found, truth):
    hits = sum(len(set(map(int, a)) & set(map(int, b))) for a, b in zip(found, truth))
    return hits / truth.size


class Svs:
    """Intel's scalable-vs: a Vamana graph over LVQ4x8 codes; all queries in one call."""
    name = "scalable-vs LVQ4x8"

    def __init__(self, base, directory):
        import svs
        path = os.path.join(directory, "base.fvecs")
        svs.write_vecs(base, path)
        loader = svs.LVQLoader(svs.VectorDataLoader(path, svs.DataType.float32, dims=base.shape[1]),
                               primary=4, residual=8, padding=64)
        parameters = svs.VamanaBuildParameters(alpha=0.95, graph_max_degree=32, window_size=200)
        self.index = svs.Vamana.build(parameters, loader, svs.DistanceType.MIP, num_threads=1)

    def search(self, queries, size):
        self.index.search_window_size = size
        return self.index.search(queries, K)[0]


class Usearch:
    """unum's usearch over bfloat16; all queries in one call."""
    name = "usearch bf16"

    def __init__(self, base, directory):
        from usearch.index import Index
        self.index = Index(ndim=base.shape[1], metric="ip", dtype="bf16", connectivity=16,
                           expansion_add=200)
        self.index.add(np.arange(len(base)), base, threads=1)

    def search(self, queries, size):
        self.index.expansion_search = size
        return self.index.search(queries, K, threads=1).keys


class Faiss:
    """faiss: HNSW over codes of a byte; all queries in one call."""
    name = "faiss HNSW SQ8"

    def __init__(self, base, directory):
        import faiss
        faiss.omp_set_num_threads(1)
        self.index = faiss.IndexHNSWSQ(base.shape[1], faiss.ScalarQuantizer.QT_8bit, 16,
                                       faiss.METRIC_INNER_PRODUCT)
        self.index.hnsw.efConstruction = 200
        self.index.train(base)
        self.index.add(base)

    def search(self, queries, size):
        self.index.hnsw.efSearch = size
        return self.index.search(queries, K)[1]


class Vsag:
    """Ant's vsag: HGraph over codes of a byte, compared again by float32; a call for each query."""
    name = "vsag HGraph SQ8"

    def __init__(self, base, directory):
        import pyvsag
        self.index = pyvsag.Index("hgraph", json.dumps({
            "dtype": "float32", "metric_type": "ip", "dim": base.shape[1],
            "index_param": {"base_quantization_type": "sq8", "max_degree": 32,
                            "ef_construction": 200, "use_reorder": True,
                            "precise_quantization_type": "fp32", "build_thread_count": 1}}))
        self.index.build(base.reshape(-1), np.arange(len(base), dtype=np.int64), len(base),
                         base.shape[1])

    def search(self, queries, size):
        parameters = json.dumps({"hgraph": {"ef_search": size}})
        return [self.index.knn_search(query, K, parameters)[0] for query in queries]


class Qdrant:
    """Qdrant's engine without network: HNSW over int8, rescored; a call for each query."""
    name = "qdrant-edge int8"

    def __init__(self, base, directory):
        import qdrant_edge as q
        self.q = q
        hnsw = q.HnswIndexConfig(m=16, ef_construct=200, full_scan_threshold=10,
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
        for first in range(0, len(base), 5_000):
            self.shard.update(q.UpdateOperation.upsert_points(
                [q.Point(first + at, row.tolist())
                 for at, row in enumerate(base[first:first + 5_000])]))
        self.shard.optimize()

    def search(self, queries, size):
        parameters = self.q.SearchParams(
            hnsw_ef=size, quantization=self.q.QuantizationSearchParams(rescore=True))
        found = []
        for query in queries:
            request = self.q.QueryRequest(limit=K, query=self.q.Query.Nearest(query.tolist()),
                                          params=parameters)
            found.append([point.id for point in self.shard.query(request)])
        return found


def speed_at(recall, curve):
    """Interpolated on the logarithm of the speed, as index_bench does."""
    for low, high in zip(curve, curve[1:]):
        if low[0] <= recall <= high[0]:
            share = (recall - low[0]) / (high[0] - low[0]) if high[0] > low[0] else 1
            return math.exp(math.log(low[1]) * (1 - share) + math.log(high[1]) * share)
    return None


def run_ours(arguments):
    command = [arguments.index_bench, "--model", arguments.model, "--texts", arguments.texts,
               "--vectors", str(arguments.vectors), "--engines", "hnswlib", "sq8", "sq4"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    speeds = {}
    for line in output.splitlines()[-3:]:
        name, *_ = line.split()
        speeds[name] = [float(text) for text in re.findall(r"(\d+)/s", line)]
    return speeds


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("index_bench")
    parser.add_argument("model")
    parser.add_argument("texts")
    parser.add_argument("--vectors", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()

    runs = [run_ours(arguments)]
    rows = read_fvecs(arguments.texts + ".fvecs", arguments.vectors + arguments.queries)
    base, queries = rows[:arguments.vectors], rows[arguments.vectors:]
    truth = true_neighbors(base, queries)
    engines = []
    with tempfile.TemporaryDirectory() as directory:
        for kind in (Svs, Usearch, Faiss, Vsag, Qdrant):
            begin = time.monotonic()
            try:
                engine = kind(base, directory)
            except Exception as error:  # A package that is missing, or changed since.
                print(f"{kind.name}: left out: {error}", flush=True)
                continue
            built = len(base) / (time.monotonic() - begin)
            print(f"{kind.name}: built at {built:.0f} vectors/s", flush=True)
            engines.append((engine, {}))
        for _ in range(arguments.rounds):
            for size in SIZES:
                for engine, points in engines:
                    begin = time.process_time()
                    found = engine.search(queries, size)
                    speed = len(queries) / (time.process_time() - begin)
                    before = points.get(size, (0, 0))
                    points[size] = (recall_of(found, truth), max(speed, before[1]))
    runs.append(run_ours(arguments))

    yardstick = [min(run["hnswlib"][at] for run in runs) for at in (1, 2)]
    print(f"\n{'':24}{'recall .95':>24}{'recall .99':>24}")
    for name in ("hnswlib", "sq8", "sq4"):
        texts = ["".join(f"{run[name][at]:9.0f}/s" for run in runs) for at in (1, 2)]
        print(f"{name:24}{texts[0]:>24}{texts[1]:>24}   before and after")
    for engine, points in engines:
        curve = [points[size] for size in SIZES]
        texts = []
        for at, recall in enumerate((0.95, 0.99)):
            speed = speed_at(recall, curve)
            texts.append(f"{speed:.0f}/s ({speed / yardstick[at]:.2f} x)" if speed else
                         f"never; {curve[-1][0]:.4f}")
        print(f"{engine.name:24}{texts[0]:>24}{texts[1]:>24}")


if __name__ == "__main__":
    main()
