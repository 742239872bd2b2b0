"""The network of a model directory as graphs for the engines that bench/encoder_peers.py compares
with: made from the weights, node by node, with the fused operators that each engine runs best."""

import json
import pathlib

import numpy as np
from safetensors.numpy import load_file


class Weights:
    """The tensors and the configuration of a BERT in a sentence-transformers directory."""

    def __init__(self, model_directory):
        directory = pathlib.Path(model_directory)
        self.config = json.loads((directory / "config.json").read_text())
        self.tensors = load_file(directory / "model.safetensors")
        self.heads = self.config["num_attention_heads"]
        self.hidden = self.config["hidden_size"]
        self.layers = self.config["num_hidden_layers"]
        self.epsilon = self.config["layer_norm_eps"]

    def __getitem__(self, name):
        return self.tensors[name]


class OnnxGraph:
    """Inputs ids, types and mask of [batch, tokens] int32; output out of [batch, tokens, hidden]."""

    def __init__(self, weights):
        from onnx import TensorProto, helper, numpy_helper
        self.helper, self.numpy_helper, self.types = helper, numpy_helper, TensorProto
        self.weights = weights
        self.nodes, self.constants = [], []

    def constant(self, name, array):
        self.constants.append(self.numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def weight(self, name, transposed=False):
        array = self.weights[name]
        return self.constant(name, array.T if transposed else array)

    def node(self, operator, inputs, output, domain="", **attributes):
        self.nodes.append(
            self.helper.make_node(operator, inputs, [output], domain=domain, **attributes))
        return output

    def fused(self, operator, inputs, output, **attributes):
        return self.node(operator, inputs, output, "com.microsoft", **attributes)

    def embeddings(self):
        part = "embeddings."
        self.nodes.append(self.helper.make_node(
            "EmbedLayerNormalization",
            ["ids", "types", self.weight(part + "word_embeddings.weight"),
             self.weight(part + "position_embeddings.weight"),
             self.weight(part + "token_type_embeddings.weight"),
             self.weight(part + "LayerNorm.weight"), self.weight(part + "LayerNorm.bias"), "mask"],
            ["x", "mask_index"], domain="com.microsoft", epsilon=self.weights.epsilon))
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
                       num_heads=self.weights.heads)
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
            part + "x", epsilon=self.weights.epsilon)

    def model(self):
        x = self.embeddings()
        for number in range(self.weights.layers):
            x = self.layer(number, x)
        self.node("Identity", [x], "out")
        inputs = [self.helper.make_tensor_value_info(name, self.types.INT32, ["batch", "tokens"])
                  for name in ("ids", "types", "mask")]
        output = self.helper.make_tensor_value_info(
            "out", self.types.FLOAT, ["batch", "tokens", self.weights.hidden])
        graph = self.helper.make_graph(self.nodes, "bert", inputs, [output], self.constants)
        return self.helper.make_model(graph, ir_version=8, opset_imports=[
            self.helper.make_opsetid("", 17), self.helper.make_opsetid("com.microsoft", 1)])


def openvino_model(weights):
    """Inputs ids (int64) and mask (float32) of [batch, tokens]; output [batch, tokens, hidden]."""
    import openvino
    from openvino import PartialShape, Type, opset13 as op

    def constant(array):
        return op.constant(np.ascontiguousarray(array))

    def indices(*values):
        return constant(np.array(values, np.int64))

    def row(name):
        return constant(weights[name].reshape(1, 1, -1))

    def linear(x, name):
        product = op.matmul(x, constant(weights[name + ".weight"]), False, True)
        return op.add(product, row(name + ".bias"))

    def norm(x, name):
        centred = op.mvn(x, indices(-1), True, float(weights.epsilon), "inside_sqrt")
        return op.add(op.multiply(centred, row(name + ".weight")), row(name + ".bias"))

    def split(x):
        cut = op.reshape(x, indices(0, 0, weights.heads, weights.hidden // weights.heads), True)
        return op.transpose(cut, indices(0, 2, 1, 3))

    def layer(x, part, mask):
        own = part + "attention.self."
        query, key, value = (split(linear(x, own + name)) for name in ("query", "key", "value"))
        context = op.scaled_dot_product_attention(query, key, value, mask)
        context = op.reshape(op.transpose(context, indices(0, 2, 1, 3)),
                             indices(0, 0, weights.hidden), True)
        x = norm(op.add(linear(context, part + "attention.output.dense"), x),
                 part + "attention.output.LayerNorm")
        wide = op.gelu(linear(x, part + "intermediate.dense"), "erf")
        return norm(op.add(linear(wide, part + "output.dense"), x), part + "output.LayerNorm")

    ids = op.parameter(PartialShape([-1, -1]), Type.i64, "ids")
    mask = op.parameter(PartialShape([-1, -1]), Type.f32, "mask")
    words = op.gather(constant(weights["embeddings.word_embeddings.weight"]), ids,
                      constant(np.int64(0)))
    places = (weights["embeddings.position_embeddings.weight"] +
              weights["embeddings.token_type_embeddings.weight"][0])[None]
    tokens = op.gather(op.shape_of(ids), indices(1), constant(np.int64(0)))
    x = op.add(words, op.slice(constant(places), indices(0), tokens, indices(1), indices(1)))
    x = norm(x, "embeddings.LayerNorm")
    hidden_tokens = op.multiply(op.subtract(constant(np.float32(1)), mask),
                                constant(np.float32(-1e9)))
    hidden_tokens = op.unsqueeze(hidden_tokens, indices(1, 2))
    for number in range(weights.layers):
        x = layer(x, f"encoder.layer.{number}.", hidden_tokens)
    return openvino.Model([x], [ids, mask], "bert")
