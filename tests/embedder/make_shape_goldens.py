#!/usr/bin/env python3
"""Writes testdata/embedder/shapes.json and shapes.f32: vectors of random BERTs of many shapes.

  tests/embedder/make_shape_goldens.py

An implementation of its own, in double precision and without batches, tiles or tables, of what
embedder/bert_encoder.h does (Devlin et al. 2018, arXiv 1810.04805, and sentence-transformers'
pooling). The weights follow the rule in tests/support/tiny_model.h, so that model_shapes_test.cc
makes the same models and nothing but the vectors is kept. Needs numpy.
"""

import json
import math
import os

import numpy as np

VOCABULARY, TYPES, MORE_POSITIONS, TOKENS_MAX, EPSILON = 64, 2, 8, 512, 1e-12
LENGTHS = [1, 3, 17, 128, 512]
# seed, hidden size, layers, heads, intermediate size, pooling, normalize
SHAPES = [(1, 128, 2, 4, 512, "cls", True),
          (2, 192, 3, 3, 400, "mean", False),
          (3, 384, 12, 12, 1536, "max", True),
          (4, 512, 4, 8, 1000, "cls+mean_sqrt_len_tokens", True),
          (5, 768, 3, 12, 3072, "weightedmean", True),
          (6, 1024, 2, 16, 4096, "mean+lasttoken", False),
          (7, 256, 2, 8, 96, "max+mean+weightedmean", False)]


def split_mix(state):
    mixed = state + np.uint64(0x9e3779b97f4a7c15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xbf58476d1ce4e5b9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94d049bb133111eb)
    return mixed ^ (mixed >> np.uint64(31))


class Model:
    def __init__(self, seed, hidden, layers, heads, intermediate, pooling, normalize):
        self.seed, self.tensors = seed, 0
        self.heads, self.pooling, self.normalize = heads, pooling.split("+"), normalize
        self.words = self.tensor((VOCABULARY, hidden), 0, 0.5)
        self.positions = self.tensor((TOKENS_MAX + MORE_POSITIONS, hidden), 0, 0.1)
        self.types = self.tensor((TYPES, hidden), 0, 0.1)
        self.norm = self.norm_pair(hidden)
        self.layers = []
        for _ in range(layers):
            query, key, value = (self.dense_pair(hidden, hidden) for _ in range(3))
            output, attention_norm = self.dense_pair(hidden, hidden), self.norm_pair(hidden)
            widen = self.dense_pair(intermediate, hidden)
            narrow = self.dense_pair(hidden, intermediate)
            self.layers.append((query, key, value, output, attention_norm, widen, narrow,
                                self.norm_pair(hidden)))

    def tensor(self, shape, centre, spread):
        stream = np.uint64((self.seed * 1000 + self.tensors) << 32)
        self.tensors += 1
        random = split_mix(stream + np.arange(math.prod(shape), dtype=np.uint64))
        fraction = (random >> np.uint64(40)).astype(np.float32) * np.float32(2.0 ** -24)
        values = np.float32(centre) + (2 * fraction - np.float32(1)) * np.float32(spread)
        return values.reshape(shape).astype(np.float64)

    def dense_pair(self, outputs, inputs):
        return self.tensor((outputs, inputs), 0, 1.5 / math.sqrt(inputs)), \
            self.tensor((outputs,), 0, 0.05)

    def norm_pair(self, hidden):
        return self.tensor((hidden,), 1, 0.1), self.tensor((hidden,), 0, 0.1)

    def vector(self, ids):
        rows = self.words[ids] + self.positions[:len(ids)] + self.types[0]
        rows = layer_norm(rows, self.norm)
        for query, key, value, output, attention_norm, widen, narrow, output_norm in self.layers:
            context = self.attention(dense(rows, query), dense(rows, key), dense(rows, value))
            rows = layer_norm(rows + dense(context, output), attention_norm)
            rows = layer_norm(rows + dense(gelu(dense(rows, widen)), narrow), output_norm)
        vector = np.concatenate([pool(rows, mode) for mode in self.pooling])
        return vector / np.linalg.norm(vector) if self.normalize else vector

    def attention(self, queries, keys, values):
        size = queries.shape[1] // self.heads
        context = np.empty_like(queries)
        for head in range(self.heads):
            part = slice(head * size, (head + 1) * size)
            scores = queries[:, part] @ keys[:, part].T / math.sqrt(size)
            shares = np.exp(scores - scores.max(axis=1, keepdims=True))
            shares /= shares.sum(axis=1, keepdims=True)
            context[:, part] = shares @ values[:, part]
        return context


def dense(rows, pair):
    return rows @ pair[0].T + pair[1]


def layer_norm(rows, pair):
    centred = rows - rows.mean(axis=1, keepdims=True)
    return centred / np.sqrt((centred ** 2).mean(axis=1, keepdims=True) + EPSILON) * pair[0] \
        + pair[1]


def gelu(values):
    return values * 0.5 * (1 + np.vectorize(math.erf)(values / math.sqrt(2)))


def pool(rows, mode):
    places = np.arange(1, len(rows) + 1)
    return {"cls": lambda: rows[0], "lasttoken": lambda: rows[-1],
            "max": lambda: rows.max(axis=0), "mean": lambda: rows.mean(axis=0),
            "mean_sqrt_len_tokens": lambda: rows.sum(axis=0) / math.sqrt(len(rows)),
            "weightedmean": lambda: (rows * places[:, None]).sum(axis=0) / places.sum()}[mode]()


def main():
    directory = os.path.join(os.path.dirname(__file__), "..", "testdata", "embedder")
    shapes, vectors = [], []
    for shape in SHAPES:
        model = Model(*shape)
        names = ("seed", "hidden_size", "layers", "heads", "intermediate_size", "pooling",
                 "normalize")
        shapes.append(dict(zip(names, shape)))
        for length in LENGTHS:
            ids = 5 + np.arange(length) * 13 % (VOCABULARY - 5)
            vectors.append(model.vector(ids).astype(np.float32))
    np.concatenate(vectors).tofile(os.path.join(directory, "shapes.f32"))
    with open(os.path.join(directory, "shapes.json"), "w") as file:
        json.dump({"lengths": LENGTHS, "shapes": shapes}, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
