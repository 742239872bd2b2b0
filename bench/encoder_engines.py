"""The engines that bench/encoder_peers.py compares with. Each takes padded token ids and a mask of
[batch, tokens] and gives vectors of length 1; each is its library's best case that we know of."""

import os
import tempfile

import numpy as np

import bert_graphs


def pooled(states, mask):
    mask = mask[:, :, None].astype(np.float32)
    vectors = (states * mask).sum(axis=1) / mask.sum(axis=1)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


class OnnxRuntime:
    """Fused operators; with int8, its dynamic quantisation of the same graph."""
    package = "onnxruntime onnx"

    def __init__(self, model_directory, threads, int8=False):
        import onnx
        import onnxruntime
        self.version = f"ONNX Runtime {onnxruntime.__version__}"
        model = bert_graphs.OnnxGraph(bert_graphs.Weights(model_directory)).model()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "model.onnx")
            onnx.save(model, path)
            if int8:
                from onnxruntime.quantization import QuantType, quantize_dynamic
                quantized = os.path.join(directory, "int8.onnx")
                quantize_dynamic(path, quantized, weight_type=QuantType.QInt8,
                                 extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT})
                path = quantized
            self.session = onnxruntime.InferenceSession(path, options,
                                                        providers=["CPUExecutionProvider"])

    def encode(self, ids, mask):
        ids, mask = ids.astype(np.int32), mask.astype(np.int32)
        states = self.session.run(None, {"ids": ids, "types": np.zeros_like(ids), "mask": mask})[0]
        return pooled(states, mask)


class OpenVino:
    package = "openvino"

    def __init__(self, model_directory, threads, precision):
        import openvino
        self.version = f"OpenVINO {openvino.__version__.split('-')[0]}"
        core = openvino.Core()
        core.set_property("CPU", {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1,
                                  "INFERENCE_PRECISION_HINT": precision})
        model = bert_graphs.openvino_model(bert_graphs.Weights(model_directory))
        self.request = core.compile_model(model, "CPU").create_infer_request()

    def encode(self, ids, mask):
        states = self.request.infer({0: ids.astype(np.int64), 1: mask.astype(np.float32)})
        return pooled(next(iter(states.values())), mask)


class Torch:
    """The model as sentence-transformers loads it, without its tokenizer."""
    package = "sentence-transformers"

    def __init__(self, model_directory, threads, bfloat16=False):
        os.environ["HF_HUB_OFFLINE"] = "1"
        import sentence_transformers
        import torch
        self.torch = torch
        self.version = f"torch {torch.__version__.split('+')[0]}"
        torch.set_num_threads(threads)
        self.model = sentence_transformers.SentenceTransformer(model_directory, device="cpu").eval()
        if bfloat16:
            self.model = self.model.to(torch.bfloat16)

    def encode(self, ids, mask):
        ids, mask = self.torch.from_numpy(ids), self.torch.from_numpy(mask)
        features = {"input_ids": ids, "attention_mask": mask,
                    "token_type_ids": self.torch.zeros_like(ids)}
        with self.torch.inference_mode():
            return self.model(features)["sentence_embedding"].float().numpy()


ENGINES = {
    "onnxruntime": lambda model, threads: OnnxRuntime(model, threads),
    "onnxruntime-int8": lambda model, threads: OnnxRuntime(model, threads, int8=True),
    "openvino": lambda model, threads: OpenVino(model, threads, "f32"),
    "openvino-bf16": lambda model, threads: OpenVino(model, threads, "bf16"),
    "torch": lambda model, threads: Torch(model, threads),
    "torch-bf16": lambda model, threads: Torch(model, threads, bfloat16=True),
}
PACKAGES = {"onnxruntime": OnnxRuntime.package, "openvino": OpenVino.package,
            "torch": Torch.package}
