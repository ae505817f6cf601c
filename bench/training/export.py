"""The trained network as a file of the product: ONNX with eight-bit weights."""

from __future__ import annotations

import tempfile
from pathlib import Path

import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.preprocess import quant_pre_process

from bench.training.network import Whole

_OPSET = 17


def exported(network: Whole, width: int, *, eight_bit: bool = True) -> bytes:
    """The graph of the network, for any number of texts and pieces. Weights are rounded to eight bits a channel."""
    network.eval()
    embedded, present = torch.zeros(2, 5, width), torch.ones(2, 5, dtype=torch.bool)
    names = ["stakes", "domain", "data", "complexity", "vectors"]
    axes = {"embedded": {0: "texts", 1: "pieces"}, "present": {0: "texts", 1: "pieces"}}
    with tempfile.TemporaryDirectory() as folder:
        plain, ready, small = (Path(folder) / name for name in ("plain.onnx", "ready.onnx", "small.onnx"))
        torch.onnx.export(
            network,
            (embedded, present),
            str(plain),
            input_names=["embedded", "present"],
            output_names=names,
            dynamic_axes={**axes, **{name: {0: "texts"} for name in names}},
            opset_version=_OPSET,
            dynamo=False,
        )
        onnx.checker.check_model(str(plain))
        if not eight_bit:
            return plain.read_bytes()
        quant_pre_process(str(plain), str(ready), skip_symbolic_shape=True)
        # Seven of the eight bits: processors without VNNI add pairs of products in sixteen bits, which would overflow.
        quantize_dynamic(str(ready), str(small), per_channel=True, reduce_range=True, weight_type=QuantType.QInt8)
        return small.read_bytes()
