"""Unpacks the weights of an ONNX graph that stores them as int8 in blocks. Pure.

opencv_zoo's `int8bq` graphs hold each weight as int8 with a scale for every block of it, unpacked by DequantizeLinear
with `block_size` (opset 21) and a Reshape. OpenVINO refuses that. All of it is constant, so it is computed here once:
what comes out is the plain float32 graph (opset 17), and cosines between both are 1.0000.
Fields' numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from workers.errors import ModelError
from workers.identity.maker.protobuf import WireMessage

Array = npt.NDArray[Any]

_IR_VERSION, _GRAPH, _OPSETS = 1, 7, 8  # of a model
_NODES, _CONSTANTS, _INPUTS, _VALUES = 1, 5, 11, 13  # of a graph
_FROM, _TO, _KIND, _ATTRIBUTES = 1, 2, 4, 5  # of a node
_ATTRIBUTE_WHOLE, _ATTRIBUTE_TENSOR = 3, 5
_DIMENSIONS, _TYPE, _FLOATS, _INT32S, _INT64S, _NAME, _RAW = 1, 2, 4, 5, 7, 8, 9  # of a tensor
_OPSET_DOMAIN, _OPSET_VERSION = 1, 2
_OPSET, _IR = 17, 8
_FLOAT, _INT8, _INT32, _INT64 = 1, 3, 6, 7
_TYPES: Mapping[int, Any] = {_FLOAT: "<f4", _INT8: "i1", _INT32: "<i4", _INT64: "<i8"}


def fold(onnx: bytes) -> bytes:
    """The same network with float32 weights, without Dropout, its weights no longer among its inputs.

    Raises ModelError for what is no such ONNX file.
    """
    model = WireMessage(onnx)
    graph = WireMessage(model.value(_GRAPH))
    constants = {tensor.text(_NAME): _array(tensor) for tensor in map(WireMessage, graph.all(_CONSTANTS))}
    nodes = _computed([WireMessage(data) for data in graph.all(_NODES)], constants)
    if not nodes:
        raise ModelError("no ONNX file: there is no graph in it")
    used = {name for node in nodes for name in node.texts(_FROM)}
    graph.set(_NODES, [node.encode() for node in nodes])
    graph.set(_CONSTANTS, [_tensor(name, value) for name, value in constants.items() if name in used])
    inputs = {WireMessage(data).text(1): data for data in graph.all(_INPUTS)}
    graph.set(_INPUTS, [data for name, data in inputs.items() if name in used and name not in constants])
    graph.set(_VALUES, [])
    model.set(_IR_VERSION, [_IR])
    model.set(_GRAPH, [graph.encode()])
    model.set(_OPSETS, [_lowered(data) for data in model.all(_OPSETS)])
    return model.encode()


def _computed(nodes: Iterable[WireMessage], constants: dict[str, Array]) -> list[WireMessage]:
    """The nodes that are left once constants are; adds what was computed to `constants`."""
    left: list[WireMessage] = []
    same: dict[str, str] = {}
    for node in nodes:
        inputs = [same.get(name, name) for name in node.texts(_FROM)]
        kind, output = node.text(_KIND), node.texts(_TO)[0]
        attributes = {one.text(1): one for one in map(WireMessage, node.all(_ATTRIBUTES))}
        if kind == "Constant" and "value" in attributes:
            constants[output] = _array(WireMessage(attributes["value"].value(_ATTRIBUTE_TENSOR)))
        elif kind == "DequantizeLinear" and inputs[0] in constants:
            axis, block = (
                attributes[name].whole(_ATTRIBUTE_WHOLE) if name in attributes else default
                for name, default in (("axis", 1), ("block_size", 0))
            )
            constants[output] = dequantised([constants[name] for name in inputs], axis, block)
        elif kind == "Reshape" and all(name in constants for name in inputs):
            constants[output] = constants[inputs[0]].reshape(constants[inputs[1]].astype(int))
        elif kind == "Dropout":
            same[output] = inputs[0]
        else:
            node.set(_FROM, [name.encode() for name in inputs])
            left.append(node)
    return left


def dequantised(parts: list[Array], axis: int, block: int) -> Array:
    """DequantizeLinear of values, scales and, where there are any, zero points: float32.

    Scales are one for all, one for each index of `axis`, or one for each `block` of indices of `axis`.
    """
    values, scales = parts[0], parts[1]
    zeros = parts[2] if len(parts) > 2 else np.zeros_like(scales)
    if block and scales.ndim == values.ndim:
        index = np.arange(values.shape[axis]) // block
        scales, zeros = np.take(scales, index, axis), np.take(zeros, index, axis)
    elif scales.ndim == 1 and scales.size > 1:
        shape = [-1 if dimension == axis else 1 for dimension in range(values.ndim)]
        scales, zeros = scales.reshape(shape), zeros.reshape(shape)
    out: Array = (values.astype(np.float32) - zeros.astype(np.float32)) * scales.astype(np.float32)
    return out


def _array(tensor: WireMessage) -> Array:
    kind, shape = tensor.whole(_TYPE), tensor.wholes(_DIMENSIONS)
    if kind not in _TYPES:
        raise ModelError(f"the ONNX file has a constant of a type that is not read here: {kind}")
    packed = {_FLOAT: _FLOATS, _INT8: _INT32S, _INT32: _INT32S, _INT64: _INT64S}[kind]
    if raw := tensor.value(_RAW):
        flat = np.frombuffer(raw, _TYPES[kind])
    elif kind == _FLOAT:
        flat = np.frombuffer(b"".join(tensor.all(packed)), _TYPES[kind])  # packed, or one by one
    else:
        flat = np.array(tensor.wholes(packed), _TYPES[kind])
    if flat.size != np.prod(shape, dtype=int):
        raise ModelError(f"the ONNX file is damaged: {tensor.text(_NAME)} has {flat.size} values, not {shape}")
    return flat.reshape(shape)


def _tensor(name: str, value: Array) -> bytes:
    kind = _INT64 if value.dtype.kind == "i" else _FLOAT
    tensor = WireMessage()
    tensor.set(_DIMENSIONS, value.shape)
    tensor.set(_TYPE, [kind])
    tensor.set(_NAME, [name.encode()])
    tensor.set(_RAW, [np.ascontiguousarray(value, _TYPES[kind]).tobytes()])
    return tensor.encode()


def _lowered(data: bytes) -> bytes:
    opset = WireMessage(data)
    if not opset.text(_OPSET_DOMAIN):
        opset.set(_OPSET_VERSION, [_OPSET])
    return opset.encode()
