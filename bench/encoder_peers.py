#!/usr/bin/env python3
"""Compares the encoder with ONNX Runtime (float32, fused operators) on one core.

  encoder_peers.py MODEL [--bench build/bench/bin/encoder_bench] [--rounds 9] [--threads 1]

The ONNX graph is made from the model's own weights: ONNX Runtime's fused EmbedLayerNormalization,
Attention, SkipLayerNormalization and BiasGelu, so its best case. Both engines take the same token
ids, 32 sequences a call, to vectors of length 1; that the vectors agree is checked first. Slices of
both alternate, ours before and after each of the peer's, and the ratio is taken within each such
group, so that it holds although the machine's speed drifts. Needs numpy, onnx, onnxruntime and
safetensors (pip).
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import time

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file

SEQUENCES = 32


def token_ids(tokens):
    """As encoder_bench.cc makes them."""
    sequence, at = np.meshgrid(np.arange(SEQUENCES), np.arange(tokens), indexing="ij")
    ids = 1000 + (sequence * 7919 + at * 104729) % 29000
    ids[:, 0] = 101
    ids[:, -1] = 102
    return ids.astype(np.int32)


class Graph:
    """A BERT of fused operators, written node by node."""

    def __init__(self, weights, config):
        self.weights, self.config = weights, config
        self.nodes, self.constants = [], []

    def constant(self, name, array):
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def weight(self, name, transposed=False):
        array = self.weights[name]
        return self.constant(name, array.T if transposed else array)

    def node(self, operator, inputs, output, domain="", **attributes):
        self.nodes.append(helper.make_node(operator, inputs, [output], domain=domain, **attributes))
        return output

    def fused(self, operator, inputs, output, **attributes):
        return self.node(operator, inputs, output, "com.microsoft", **attributes)

    def embeddings(self):
        part = "embeddings."
        self.nodes.append(helper.make_node(
            "EmbedLayerNormalization",
            ["ids", "types", self.weight(part + "word_embeddings.weight"),
             self.weight(part + "position_embeddings.weight"),
             self.weight(part + "token_type_embeddings.weight"),
             self.weight(part + "LayerNorm.weight"), self.weight(part + "LayerNorm.bias"), "mask"],
            ["x", "mask_index"], domain="com.microsoft", epsilon=self.config["layer_norm_eps"]))
        return "x"

    def layer(self, number, x):
        part = f"encoder.layer.{number}."
        own = part + "attention.self."
        names = ("query", "key", "value")
        weight = self.constant(own + "w", np.concatenate(
            [self.weights[f"{own}{name}.weight"].T for name in names], axis=1))
        bias = self.constant(own + "b", np.concatenate(
            [self.weights[f"{own}{name}.bias"] for name in names]))
        y = self.fused("Attention", [x, weight, bias, "mask_index"], own + "y",
                       num_heads=self.config["num_attention_heads"])
        x = self.add_and_norm(part + "attention.output.", y, x)
        dense = part + "intermediate.dense."
        y = self.node("MatMul", [x, self.weight(dense + "weight", True)], dense + "y")
        y = self.fused("BiasGelu", [y, self.weight(dense + "bias")], dense + "gelu")
        return self.add_and_norm(part + "output.", y, x)

    def add_and_norm(self, part, y, x):
        y = self.node("MatMul", [y, self.weight(part + "dense.weight", True)], part + "y")
        return self.fused(
            "SkipLayerNormalization",
            [y, x, self.weight(part + "LayerNorm.weight"), self.weight(part + "LayerNorm.bias"),
             self.weight(part + "dense.bias")],
            part + "x", epsilon=self.config["layer_norm_eps"])

    def model(self):
        x = self.embeddings()
        for number in range(self.config["num_hidden_layers"]):
            x = self.layer(number, x)
        self.node("Identity", [x], "out")
        inputs = [helper.make_tensor_value_info(name, TensorProto.INT32, ["batch", "tokens"])
                  for name in ("ids", "types", "mask")]
        output = helper.make_tensor_value_info(
            "out", TensorProto.FLOAT, ["batch", "tokens", self.config["hidden_size"]])
        graph = helper.make_graph(self.nodes, "bert", inputs, [output], self.constants)
        return helper.make_model(graph, ir_version=8, opset_imports=[
            helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)])


class OnnxRuntime:
    def __init__(self, model_directory, threads):
        directory = pathlib.Path(model_directory)
        config = json.loads((directory / "config.json").read_text())
        model = Graph(load_file(directory / "model.safetensors"), config).model()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"])

    def encode(self, tokens):
        ids = token_ids(tokens)
        states = self.session.run(None, {"ids": ids, "types": np.zeros_like(ids),
                                         "mask": np.ones_like(ids)})[0]
        vectors = states.mean(axis=1)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def rate(self, tokens, seconds):
        start, documents = time.perf_counter(), 0
        while True:
            self.encode(tokens)
            documents += SEQUENCES
            spent = time.perf_counter() - start
            if spent >= seconds:
                return documents / spent


class Simile:
    def __init__(self, program, model_directory):
        self.process = subprocess.Popen([program, model_directory, "--serve"], text=True,
                                        bufsize=1, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self.process.stdout.readline().strip() != "ready":
            sys.exit(f"{program} did not start")

    def ask(self, tokens, seconds):
        self.process.stdin.write(f"{tokens} {seconds}\n")
        return self.process.stdout.readline()

    def rate(self, tokens, seconds):
        return float(self.ask(tokens, seconds))

    def first_vector(self, tokens):
        return np.array(self.ask(tokens, 0).split(), dtype=np.float32)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--bench", default="build/bench/bin/encoder_bench")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=1, help="of ONNX Runtime")
    options = parser.parse_args()
    peer = OnnxRuntime(options.model, options.threads)
    ours = Simile(options.bench, options.model)
    print(f"onnxruntime {onnxruntime.__version__}, onnx {onnx.__version__}, "
          f"{options.threads} thread(s), {SEQUENCES} sequences a call")
    for tokens in (16, 32, 128, 256):
        difference = np.abs(peer.encode(tokens)[0] - ours.first_vector(tokens)).max()
        if difference > 1e-4:
            sys.exit(f"{tokens} tokens: the vectors differ by {difference:.2g}")
        our_rates, peer_rates, ratios = [], [], []
        for _ in range(options.rounds):
            before = ours.rate(tokens, 0.25)
            peer_rate = peer.rate(tokens, 0.5)
            after = ours.rate(tokens, 0.25)
            our_rates += [before, after]
            peer_rates.append(peer_rate)
            ratios.append((before + after) / 2 / peer_rate)
        print(f"{tokens:4} tokens  ours {statistics.median(our_rates):7.1f}/s  "
              f"ONNX Runtime {statistics.median(peer_rates):7.1f}/s  ratio "
              f"{statistics.median(ratios):.2f} [{min(ratios):.2f}-{max(ratios):.2f}]  "
              f"vectors differ by {difference:.1e}", flush=True)


if __name__ == "__main__":
    main()
