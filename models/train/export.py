"""The head as an ONNX graph: geometry, the networks, the mean of their answers, softmax.

Inputs, as the worker fills them: `hand_embedding` [1, 128], then the three inputs of the embedder,
`hand` [1, 21, 3], `handedness` [1, 1], `world_hand` [1, 21, 3]. Output `Identity` [1, labels]. The
geometry is the one of `poses.py`; `train.py` compares both on measured hands.
"""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import poses


class Graph:
    def __init__(self):
        self.nodes, self.values = [], []

    def value(self, name, array):
        self.values.append(numpy_helper.from_array(np.array(array, order="C"), name))
        return name

    def floats(self, name, array):
        return self.value(name, np.asarray(array, np.float32))

    def integers(self, name, array):
        return self.value(name, np.asarray(array, np.int64))

    def add(self, kind, inputs, output, **attributes):
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output


def geometry(graph):
    """The nodes of `poses.geometry`; its output has shape [1, n]."""
    eps = graph.floats("eps", poses.EPS)

    def lengths(vectors, name):
        squares = graph.add("Mul", [vectors, vectors], f"{name}_squares")
        sums = graph.add("ReduceSum", [squares, graph.integers(f"{name}_axis", [2])], f"{name}_sums", keepdims=0)
        return graph.add("Sqrt", [graph.add("Add", [sums, eps], f"{name}_above_zero")], name)

    def differences(matrix, points, name):
        return graph.add("MatMul", [graph.floats(f"{name}_pairs", matrix), points], name)

    palm = lengths(differences(poses.PALM_SIDES, "world_hand", "palm_sides"), "palm_lengths")
    palm = graph.add("ReduceMean", [palm], "palm", axes=[1], keepdims=1)
    shape = lengths(differences(poses.DISTANCES, "world_hand", "spans"), "distances")
    shape = graph.add("Div", [shape, palm], "shape")
    bones = differences(poses.DIRECTIONS, "hand", "bones")
    long = graph.add("Unsqueeze", [lengths(bones, "bone_lengths"), graph.integers("last", [2])], "bone_lengths_3")
    bones = graph.add("Div", [bones, long], "directions")
    flat = graph.add("Reshape", [bones, graph.integers("flat", [1, -1])], "directions_flat")

    def row(index, order, name):
        one = graph.add("Gather", [bones, graph.integers(f"{name}_row", index)], f"{name}_bone", axis=1)
        return graph.add("Gather", [one, graph.integers(f"{name}_order", order)], name, axis=1)

    first = graph.add("Mul", [row(0, [1, 2, 0], "along_yzx"), row(1, [2, 0, 1], "across_zxy")], "cross_first")
    second = graph.add("Mul", [row(0, [2, 0, 1], "along_zxy"), row(1, [1, 2, 0], "across_yzx")], "cross_second")
    normal = graph.add("Sub", [first, second], "palm_normal")
    side = graph.add("Mul", ["handedness", graph.floats("two", 2.0)], "twice_right")
    side = graph.add("Sub", [side, graph.floats("one", 1.0)], "side")
    return [shape, flat, normal, graph.add("Mul", [normal, side], "palm_normal_by_side")]


def build(members, scale, labels):
    """`members`: pairs of which features a network takes ("e" embedding, "g" geometry, "b" both) and
    the network; `scale` multiplies the mean logits (calibration)."""
    graph = Graph()
    shaped = graph.add("Concat", geometry(graph), "geometry", axis=1)
    both = graph.add("Concat", ["hand_embedding", shaped], "both", axis=1)
    features, answers = {"e": "hand_embedding", "g": shaped, "b": both}, []
    for number, (kind, net) in enumerate(members):
        half = len(net.weights)
        weights, biases = list(net.average[:half]), list(net.average[half:])
        # The features' mean and spread go into the first layer.
        biases[0] = biases[0] - (net.mean / net.spread) @ weights[0]
        weights[0] = weights[0] / net.spread[:, None]
        weights[-1], biases[-1] = (v * scale / len(members) for v in (weights[-1], biases[-1]))
        x = features[kind]
        for layer in range(half):
            name = f"net{number}_{layer}"
            x = graph.add("Gemm", [x, graph.floats(f"{name}_w", weights[layer]),
                                   graph.floats(f"{name}_b", biases[layer])], name)
            if layer < half - 1:
                x = graph.add("Relu", [x], f"{name}_relu")
        answers.append(x)
    logits = answers[0]
    for number, answer in enumerate(answers[1:]):
        logits = graph.add("Add", [logits, answer], f"sum{number}")
    graph.add("Softmax", [logits], "Identity", axis=1)
    info = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    inputs = [info("hand_embedding", [1, 128]), info("hand", [1, 21, 3]), info("handedness", [1, 1]),
              info("world_hand", [1, 21, 3])]
    made = helper.make_graph(graph.nodes, "wigwag_gestures", inputs, [info("Identity", [1, len(labels)])],
                             graph.values)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 13)], producer_name="wigwag")
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model
