"""Forests, boosted trees and linear machines as graphs of plain tensor operations: nothing is unpickled to serve. Pure.

OpenVINO has no operation for trees: each level of all trees is one step, which gathers the feature and the threshold
of the node that every row stands on in every tree, and goes left or right (S. Nakandala et al., "A Tensor Compiler for
Unified Machine Learning Prediction Serving", 2020, tree traversal).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import openvino as ov
from openvino import opset13 as ops

from workers.engines.engine import F32

I32 = npt.NDArray[np.int32]
_LEAF = -1


@dataclass(frozen=True, slots=True)
class Trees:
    """The nodes of all trees, one after the other. A leaf's children are itself.

    A row goes left where its feature is <= threshold. values: (nodes, outputs). roots: (trees,). depth: of the deepest.
    """

    feature: I32
    threshold: F32
    left: I32
    right: I32
    values: F32
    roots: I32
    depth: int


@dataclass(frozen=True, slots=True)
class Tree:
    """One tree as both libraries keep it: arrays over nodes, children after their parents, -1 for none."""

    feature: npt.NDArray[Any]
    threshold: F32
    left: npt.NDArray[Any]
    right: npt.NDArray[Any]
    values: npt.NDArray[Any]


def from_forest(forest: Any) -> Trees:
    """Of a fitted RandomForestClassifier; values are each leaf's class shares."""
    return _joined(
        [
            Tree(
                tree.feature,
                # scikit-learn compares float32 features with float64 thresholds: the float32 below says the same
                _below(tree.threshold),
                tree.children_left,
                tree.children_right,
                tree.value[:, 0] / tree.value[:, 0].sum(1, keepdims=True),
            )
            for tree in (estimator.tree_ for estimator in forest.estimators_)
        ]
    )


def from_booster(booster: Any, classes: int) -> Trees:
    """Of a fitted XGBClassifier whose base score adds nothing; values are what a leaf adds to each class's logit."""
    model = json.loads(bytes(booster.get_booster().save_raw("json")))["learner"]["gradient_booster"]["model"]
    trees = []
    for tree, output in zip(model["trees"], model["tree_info"], strict=True):
        left, value = np.array(tree["left_children"]), np.array(tree["split_conditions"], np.float32)
        values: F32 = np.zeros((len(left), classes), np.float32)
        # of two classes XGBoost keeps the second's logit alone
        values[:, 1 if classes == 2 else output] = np.where(left == _LEAF, value, 0)
        # XGBoost goes left where the feature is < threshold
        threshold = np.nextafter(value, np.float32(-np.inf))
        trees.append(Tree(np.array(tree["split_indices"]), threshold, left, np.array(tree["right_children"]), values))
    return _joined(trees)


def forest_graph(trees: Trees, features: int) -> ov.Model:
    """Rows (n, features) f32 → the mean of the leaves' class shares."""
    rows = _rows(features)
    return _model(rows, ops.reduce_mean(_leaves(rows, trees), ops.constant(1)))


def booster_graph(trees: Trees, features: int) -> ov.Model:
    """Rows (n, features) f32 → the softmax of the leaves' sums."""
    rows = _rows(features)
    return _model(rows, ops.softmax(ops.reduce_sum(_leaves(rows, trees), ops.constant(1)), 1))


def linear_graph(weights: F32, offsets: F32) -> ov.Model:
    """Rows (n, features) f32 → softmax of rows · weights (features, classes) + offsets (classes,)."""
    rows = _rows(len(weights))
    product = ops.matmul(rows, ops.constant(np.ascontiguousarray(weights, np.float32)), False, False)
    return _model(rows, ops.softmax(ops.add(product, ops.constant(offsets[None].astype(np.float32))), 1))


def _leaves(rows: Any, trees: Trees) -> Any:
    """The values (n, trees, outputs) of the leaves that rows end in."""
    zero = ops.constant(np.int32(0))
    length = ops.gather(ops.shape_of(rows, output_type="i32"), ops.constant(np.array([0], np.int32)), zero)
    count = ops.constant(np.array([len(trees.roots)], np.int32))
    at = ops.broadcast(ops.constant(trees.roots[None]), ops.concat([length, count], 0))
    feature, threshold = ops.constant(trees.feature), ops.constant(trees.threshold)
    left, right = ops.constant(trees.left), ops.constant(trees.right)
    for _ in range(trees.depth):
        value = ops.gather_elements(rows, ops.gather(feature, at, zero), 1)
        goes_left = ops.less_equal(value, ops.gather(threshold, at, zero))
        at = ops.select(goes_left, ops.gather(left, at, zero), ops.gather(right, at, zero))
    return ops.gather(ops.constant(trees.values), at, zero)


def _joined(trees: Sequence[Tree]) -> Trees:
    lefts, rights, roots = [], [], []
    first = 0
    for tree in trees:
        itself = np.arange(len(tree.left))
        inner = tree.left != _LEAF
        lefts.append(first + np.where(inner, tree.left, itself))
        rights.append(first + np.where(inner, tree.right, itself))
        roots.append(first)
        first += len(itself)
    inner = np.concatenate([tree.left for tree in trees]) != _LEAF
    return Trees(
        np.where(inner, np.concatenate([tree.feature for tree in trees]), 0).astype(np.int32),
        np.where(inner, np.concatenate([tree.threshold for tree in trees]), 0).astype(np.float32),
        np.concatenate(lefts).astype(np.int32),
        np.concatenate(rights).astype(np.int32),
        np.concatenate([tree.values for tree in trees]).astype(np.float32),
        np.array(roots, np.int32),
        max(_depth(tree.left, tree.right) for tree in trees),
    )


def _depth(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> int:
    """Levels below the root. Children come after their parents in both libraries' arrays."""
    depth: npt.NDArray[np.int64] = np.zeros(len(left), np.int64)
    for node in np.flatnonzero(left != _LEAF):
        depth[left[node]] = depth[right[node]] = depth[node] + 1
    return int(depth.max())


def _below(threshold: npt.NDArray[Any]) -> F32:
    near = np.asarray(threshold, np.float32)
    return np.where(near > threshold, np.nextafter(near, np.float32(-np.inf)), near).astype(np.float32)


def _rows(features: int) -> Any:
    return ops.parameter([-1, features], np.float32, name="histograms")


def _model(rows: Any, probabilities: Any) -> ov.Model:
    model = ov.Model([probabilities], [rows], "classical")
    model.inputs[0].get_tensor().set_names({"histograms"})
    model.outputs[0].get_tensor().set_names({"probabilities"})
    return model
