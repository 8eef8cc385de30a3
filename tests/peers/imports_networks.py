"""The neural networks of `imports.py`: scikit-learn's through its converter, and graphs as the exporters of PyTorch and Keras write them.
What ONNX Runtime makes of them is what counts. Beside a network that needs it, `<case>.said` has what must be said of it on import: whether
its output is log-odds, and what a missing value counts as.
"""

import numpy as np
import onnx
from imports_cases import NAMES, SEED, Cases, golden, sigmoid, training
from imports_onnx import run
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

KINDS = onnx.TensorProto
FEATURES = [f"f{i}" for i in range(len(NAMES))]


def network_cases(cases: Cases) -> None:
    def add(case: str, model: onnx.ModelProto, x: np.ndarray, said: str = "", names: list[str] = FEATURES, filled=None) -> None:
        """Rows that lack a value are asked for with what it counts as."""
        asked = x if filled is None else np.where(np.isnan(x), filled, x)
        predictions = run(model, asked).astype(float)
        if "log-odds" in said:
            predictions = sigmoid(predictions)
        assert ((predictions > 0.01) & (predictions < 0.99)).mean() > 0.5, f"{case} says hardly anything"
        cases.write(f"network_{case}", "onnx", model.SerializeToString(), names, x, predictions)
        if said:
            (cases.out / f"network_{case}.said").write_text(said)

    x, y = training(missing=False)
    hidden = dict(hidden_layer_sizes=(16, 8), max_iter=60, random_state=7)
    mixed = make_column_transformer((StandardScaler(), [0, 1, 2, 3]), (OneHotEncoder(handle_unknown="ignore"), [4]))
    learners = {
        "relu": make_pipeline(StandardScaler(), MLPClassifier(**hidden)),
        "tanh": make_pipeline(StandardScaler(), MLPClassifier(activation="tanh", **hidden)),
        "logistic": make_pipeline(StandardScaler(), MLPClassifier(activation="logistic", **hidden)),
        "one_hot": make_pipeline(mixed, MLPClassifier(**hidden)),
    }
    convert = lambda learner, zipmap=False: to_onnx(
        learner, initial_types=[("x", FloatTensorType([None, len(NAMES)]))], options={"zipmap": zipmap}
    )
    for name, learner in learners.items():
        add(f"sklearn_{name}", convert(learner.fit(x, y)), golden([], missing=False))
    add("sklearn_zipmap", convert(learners["relu"], zipmap=True), golden([], missing=False))
    imputed = make_pipeline(SimpleImputer(), StandardScaler(), MLPClassifier(**hidden)).fit(*training())
    add("sklearn_imputed", convert(imputed), golden([]), said="missing=nan")
    add("sklearn_filled", convert(learners["relu"]), golden([]), said="missing=0.5", filled=0.5)

    rng = np.random.default_rng(SEED)
    rows = golden([], missing=False)
    # Of about unit spread, so that what comes out is neither 0 nor 1 everywhere.
    rows[:, [0, 2]] /= [100, 1000]
    rows[:, 4] /= 40
    weights = lambda *shape: rng.normal(size=shape) / np.sqrt(shape[0])
    make = onnx.helper

    def graph(case, nodes, constants, kind=KINDS.FLOAT, batch="batch", outputs=1, given=None, opset=17) -> onnx.ModelProto:
        dtype = np.float64 if kind == KINDS.DOUBLE else np.float32
        tensors = [
            onnx.numpy_helper.from_array(np.asarray(a, dtype=dtype) if np.asarray(a).dtype.kind == "f" else np.asarray(a), name)
            for name, a in constants.items()
        ]
        given = given or [make.make_tensor_value_info("features", kind, [batch, len(NAMES)])]
        out = [make.make_tensor_value_info("output", kind, [batch, outputs])]
        model = make.make_model(make.make_graph(nodes, case, given, out, tensors), opset_imports=[make.make_opsetid("", opset)], ir_version=8)
        onnx.checker.check_model(model)
        return model

    node = make.make_node

    # torch.onnx.export of Linear, BatchNorm1d and ReLU twice, Dropout in between, and Linear at the end: Gemm with rows of weights.
    def torch_like(end: list, outputs: int = 1, kind=KINDS.FLOAT) -> tuple[list, dict]:
        constants = {
            "fc1.weight": weights(5, 16).T.copy(), "fc1.bias": weights(16), "bn1.weight": rng.uniform(0.5, 2, 16), "bn1.bias": weights(16),
            "bn1.running_mean": weights(16), "bn1.running_var": rng.uniform(0.5, 2, 16),
            "fc2.weight": weights(16, 8).T.copy(), "fc2.bias": weights(8), "fc3.weight": 2 * weights(8, outputs).T.copy(), "fc3.bias": weights(outputs),
        }  # fmt: skip
        batch_norm = ["bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var"]
        return [
            node("Gemm", ["features", "fc1.weight", "fc1.bias"], ["/fc1/Gemm_output_0"], name="/fc1/Gemm", transB=1),
            node("BatchNormalization", ["/fc1/Gemm_output_0", *batch_norm], ["/bn1/output_0"], name="/bn1/BatchNormalization"),
            node("Relu", ["/bn1/output_0"], ["/relu/Relu_output_0"], name="/relu/Relu"),
            node("Gemm", ["/relu/Relu_output_0", "fc2.weight", "fc2.bias"], ["/fc2/Gemm_output_0"], name="/fc2/Gemm", transB=1),
            node("LeakyRelu", ["/fc2/Gemm_output_0"], ["/act/output_0"], name="/act/LeakyRelu", alpha=0.01),
            node("Gemm", ["/act/output_0", "fc3.weight", "fc3.bias"], ["logits" if end else "output"], name="/fc3/Gemm", transB=1),
            *end,
        ], constants

    add("torch", graph("torch", *torch_like([node("Sigmoid", ["logits"], ["output"], name="/Sigmoid")])), rows)
    add("torch_log_odds", graph("torch_log_odds", *torch_like([])), rows, said="log-odds")
    double = graph("torch_double", *torch_like([node("Sigmoid", ["logits"], ["output"])]), kind=KINDS.DOUBLE)
    cases.refuse("network_double", "onnx", double.SerializeToString(), "its input features is not in single precision")
    fixed = graph("torch_one_row", *torch_like([node("Softmax", ["logits"], ["output"], axis=-1)], 2), outputs=2)
    add("torch_softmax", fixed, rows)

    # tf2onnx of Dense layers: MatMul and Add, names with colons, an unknown number of rows.
    dense = {
        "dense/kernel:0": weights(5, 12), "dense/bias:0": weights(12), "dense_1/kernel:0": weights(12, 12), "dense_1/bias:0": weights(12),
        "dense_2/kernel:0": 2 * weights(12, 2), "dense_2/bias:0": weights(2),
    }  # fmt: skip
    keras = [
        node("MatMul", ["features", "dense/kernel:0"], ["a"], name="model/dense/MatMul"),
        node("Add", ["a", "dense/bias:0"], ["b"], name="model/dense/BiasAdd"),
        node("Elu", ["b"], ["c"], name="model/dense/Elu"),
        node("MatMul", ["c", "dense_1/kernel:0"], ["d"], name="model/dense_1/MatMul"),
        node("Add", ["d", "dense_1/bias:0"], ["e"], name="model/dense_1/BiasAdd"),
        node("Add", ["e", "c"], ["f"], name="model/add/add"),
        node("Selu", ["f"], ["g"], name="model/selu"),
        node("MatMul", ["g", "dense_2/kernel:0"], ["h"], name="model/dense_2/MatMul"),
        node("Add", ["h", "dense_2/bias:0"], ["i"], name="model/dense_2/BiasAdd"),
        node("Softmax", ["i"], ["output"], name="model/dense_2/Softmax", axis=1),
    ]
    add("keras_residual", graph("keras_residual", keras, dense, batch="unk__7", outputs=2), rows)

    # A block as transformers have it: layer normalisation, GELU in its parts, a residual; one input a feature.
    block = {
        "w1": weights(5, 8), "b1": weights(8), "scale": rng.uniform(0.5, 2, 8), "shift": weights(8), "w2": weights(8, 8), "b2": weights(8),
        "w3": weights(8, 1) / 2, "b3": weights(1), "root": np.float64(np.sqrt(2)), "one": np.float64(1), "half": np.float64(0.5),
    }  # fmt: skip
    gelu = [
        node("Div", ["u", "root"], ["u1"]),
        node("Erf", ["u1"], ["u2"]),
        node("Add", ["u2", "one"], ["u3"]),
        node("Mul", ["u", "u3"], ["u4"]),
        node("Mul", ["u4", "half"], ["v"]),
    ]
    nodes = [
        node("Concat", NAMES, ["features"], axis=1),
        node("Gemm", ["features", "w1", "b1"], ["s"]),
        node("LayerNormalization", ["s", "scale", "shift"], ["t"], axis=-1),
        node("Gemm", ["t", "w2", "b2"], ["u"]),
        *gelu,
        node("Add", ["v", "s"], ["w"]),
        node("Gemm", ["w", "w3", "b3"], ["z"]),
        node("Sigmoid", ["z"], ["output"]),
    ]
    given = [make.make_tensor_value_info(name, KINDS.FLOAT, ["batch", 1]) for name in NAMES]
    add("block_of_inputs", graph("block_of_inputs", nodes, block, given=given), rows, names=NAMES)

    head, constants = torch_like([node("Det", ["logits"], ["output"], name="/det")])
    unknown = graph("unknown", head, constants)
    cases.refuse("network_operator", "onnx", unknown.SerializeToString(), "the operator Det (node /det) is not supported")
    head, constants = torch_like([node("Softmax", ["logits"], ["output"])], 3)
    cases.refuse("network_three_classes", "onnx", graph("three", head, constants, outputs=3).SerializeToString(), "neither one number nor two")
    head, constants = torch_like([node("Sigmoid", ["logits"], ["output"])])
    cases.refuse("network_of_batches", "onnx", graph("batches", head, constants, batch=32).SerializeToString(), "32 rows at once")
