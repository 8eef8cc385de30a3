"""The ONNX models of `imports.py`: scikit-learn, LightGBM and XGBoost through their converters, and graphs made by hand for what those
do not write. What ONNX Runtime makes of them is what counts.
"""

import pathlib

import lightgbm
import numpy as np
import onnx
import onnxmltools
import onnxruntime
import xgboost
from imports_cases import NAMES, SEED, Cases, golden, training
from onnxmltools.convert.common.data_types import FloatTensorType as OnnxmlFloat
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, StandardScaler


def onnx_thresholds(model: onnx.ModelProto) -> list[tuple[int, float]]:
    """Thresholds as values of the input, through a scaler if there is one."""
    attributes = lambda node: {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    offset, scale = np.zeros(len(NAMES)), np.ones(len(NAMES))
    thresholds = []
    for node in model.graph.node:
        if node.op_type == "Scaler":
            offset, scale = np.array(attributes(node)["offset"]), np.array(attributes(node)["scale"])
        if node.op_type.startswith("TreeEnsemble") and "nodes_values" in attributes(node):
            a = attributes(node)
            nodes = zip(a["nodes_modes"], a["nodes_featureids"], a["nodes_values"])
            thresholds += [(f, v / scale[f] + offset[f]) for mode, f, v in nodes if mode != b"LEAF"]
    return thresholds


def run(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    """The second class's probability, or the only output."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    given = session.get_inputs()
    x_given = x.astype(np.float64 if "double" in given[0].type else np.float32)
    columns = {given[0].name: x_given} if len(given) == 1 else {one.name: x_given[:, [i]] for i, one in enumerate(given)}
    scores = session.run(None, columns)[-1]
    if isinstance(scores, list):
        return np.array([list(score.values())[-1] for score in scores])
    return scores.reshape(len(x), -1)[:, -1]


def onnx_cases(cases: Cases) -> None:
    names = [f"f{i}" for i in range(len(NAMES))]

    def add(case: str, model: onnx.ModelProto, learner=None, missing: bool = False, encoded: bool = False) -> None:
        x = golden([] if encoded else onnx_thresholds(model), missing, categories=encoded)
        predictions = run(model, x)
        if learner is not None:
            single = x.astype(np.float32)
            own = learner.predict_proba(single)[:, 1] if hasattr(learner, "predict_proba") else learner.predict(single)
            print(f"{case}: ONNX Runtime differs from the learner by at most {np.abs(own - predictions).max():.1e}")
        cases.write(f"onnx_{case}", "onnx", model.SerializeToString(), names, x, predictions)

    def sklearn(
        case: str, learner, missing: bool = False, kind=FloatTensorType, zipmap: bool = False, compare: bool = True, encoded: bool = False
    ) -> None:
        learner.fit(*training(missing))
        options = {"zipmap": zipmap} if hasattr(learner, "predict_proba") else None
        add(
            case,
            to_onnx(learner, initial_types=[("x", kind([None, len(NAMES)]))], options=options),
            learner if compare and not encoded else None,
            missing,
            encoded,
        )

    forest = dict(n_estimators=20, max_depth=6, random_state=7)
    sklearn("forest", RandomForestClassifier(**forest))
    sklearn("forest_zipmap", RandomForestClassifier(**forest), zipmap=True)
    sklearn("forest_double", RandomForestClassifier(**forest), kind=DoubleTensorType, compare=False)
    # skl2onnx 1.20 loses the way of missing values: what counts is what the file says.
    sklearn("forest_missing", RandomForestClassifier(**forest), missing=True, compare=False)
    sklearn("forest_regressor", RandomForestRegressor(**forest))
    sklearn("boosting", GradientBoostingClassifier(n_estimators=30, max_depth=3, random_state=7))
    sklearn("forest_scaled", make_pipeline(StandardScaler(), RandomForestClassifier(**forest)))
    sklearn("forest_imputed", make_pipeline(SimpleImputer(), RandomForestClassifier(**forest)), missing=True)
    sklearn("logistic", make_pipeline(StandardScaler(), LogisticRegression()))
    sklearn("logistic_zipmap", make_pipeline(StandardScaler(), LogisticRegression()), zipmap=True)
    sklearn("logistic_imputed", make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()), missing=True)
    sklearn(
        "logistic_median", make_pipeline(StandardScaler(), SimpleImputer(strategy="median"), LogisticRegression()), missing=True
    )

    # The category is a column of its own, through each of the encoders; no encoder of these reads missing values.
    one_hot = lambda **options: OneHotEncoder(handle_unknown="ignore", **options)
    mixed = lambda encoder: make_column_transformer((StandardScaler(), [0, 1, 2, 3]), (encoder, [4]))
    filled = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), [3, 0]),
        (make_pipeline(SimpleImputer(strategy="most_frequent"), one_hot()), [4]),
        (make_pipeline(SimpleImputer(), MinMaxScaler()), [1]),
    )
    codes = make_column_transformer((make_pipeline(one_hot(sparse_output=False), StandardScaler()), [4]))
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    encoders = {"one_hot": one_hot(), "one_hot_dropped": one_hot(drop="first"), "ordinal": ordinal}
    for name, encoder in encoders.items():
        sklearn(f"logistic_{name}", make_pipeline(mixed(encoder), LogisticRegression()), encoded=True)
        sklearn(f"forest_{name}", make_pipeline(mixed(encoder), RandomForestClassifier(**forest)), encoded=True)
    sklearn("logistic_filled", make_pipeline(filled, LogisticRegression()), missing=True, encoded=True)
    sklearn("logistic_scaled_codes", make_pipeline(codes, LogisticRegression()), encoded=True)

    x, y = training()
    inputs = [("x", OnnxmlFloat([None, len(NAMES)]))]
    booster = lightgbm.LGBMClassifier(
        n_estimators=30, num_leaves=12, min_child_samples=8, verbose=-1, random_state=7, n_jobs=1
    ).fit(x, y)
    add("lightgbm", onnxmltools.convert_lightgbm(booster, initial_types=inputs, zipmap=False), None, True)
    add("lightgbm_zipmap", onnxmltools.convert_lightgbm(booster, initial_types=inputs), None, True)
    booster = xgboost.XGBClassifier(n_estimators=30, max_depth=4, random_state=7, n_jobs=1).fit(x, y)
    add("xgboost", onnxmltools.convert_xgboost(booster, initial_types=inputs), booster, True)

    options = {"n_estimators": 30, "max_depth": 4, "objective": "multi:softprob", "num_class": 2}
    softmax = xgboost.XGBClassifier(random_state=7, n_jobs=1, **options).fit(x, y)
    model = onnxmltools.convert_xgboost(softmax, initial_types=inputs)
    rows = golden(onnx_thresholds(model), True)
    # ONNX Runtime 1.32 gives other numbers for a softmax over trees of two classes than XGBoost does; XGBoost's count.
    predictions = softmax.predict_proba(rows.astype(np.float32))[:, 1]
    cases.write("onnx_xgboost_softmax", "onnx", model.SerializeToString(), names, rows, predictions)

    x, y = training(missing=False)
    line = LinearRegression().fit(x, np.column_stack([y, y]))
    line = to_onnx(line, initial_types=[("x", FloatTensorType([None, len(NAMES)]))])
    cases.refuse("onnx_two_targets", "onnx", line.SerializeToString(), "targets")
    forest = RandomForestClassifier(3, max_depth=2, random_state=7).fit(x, np.arange(len(y)) % 3)
    forest = to_onnx(forest, initial_types=[("x", FloatTensorType([None, len(NAMES)]))], options={"zipmap": False})
    cases.refuse("onnx_three_classes", "onnx", forest.SerializeToString(), "3 classes")


MODES = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]


def random_trees(rng: np.random.Generator, count: int = 12) -> list[list[tuple]]:
    """Trees as lists of (mode, feature, threshold, missing goes with true, true child, false child) and (weight,)."""

    def grow(nodes: list[tuple], depth: int) -> int:
        place = len(nodes)
        if depth == 0 or (depth < 4 and rng.random() < 0.2):
            nodes.append((rng.random() / count,))
            return place
        nodes.append(())
        feature = int(rng.integers(len(NAMES)))
        threshold = float(rng.normal() * [100, 1, 1000, 1, 30][feature])
        mode, tracks = MODES[rng.integers(6)], int(rng.integers(2))
        nodes[place] = (mode, feature, threshold, tracks, grow(nodes, depth - 1), grow(nodes, depth - 1))
        return place

    trees = []
    for _ in range(count):
        trees.append([])
        grow(trees[-1], 5)
    return trees


def tree_lists(trees: list[list[tuple]]) -> dict:
    """The nodes as attributes up to version 4 of the operators."""
    nodes = [(t, n, node) for t, tree in enumerate(trees) for n, node in enumerate(tree)]
    of = lambda place, otherwise: [node[place] if len(node) > 1 else otherwise for _, _, node in nodes]
    return {
        "nodes_treeids": [t for t, _, _ in nodes],
        "nodes_nodeids": [n for _, n, _ in nodes],
        "nodes_modes": of(0, "LEAF"),
        "nodes_featureids": of(1, 0),
        "nodes_values": of(2, 0.0),
        "nodes_missing_value_tracks_true": of(3, 0),
        "nodes_truenodeids": of(4, 0),
        "nodes_falsenodeids": of(5, 0),
    }


def split_lists(trees: list[list[tuple]]) -> dict:
    """The nodes as attributes from version 5 on, which number splits and leaves apart and over all trees."""
    splits, leaves = {}, {}
    for t, tree in enumerate(trees):
        for n, node in enumerate(tree):
            numbers = splits if len(node) > 1 else leaves
            numbers[t, n] = len(numbers)
    nodes = [(t, trees[t][n]) for t, n in splits]
    child = lambda place: [{**splits, **leaves}[t, node[place]] for t, node in nodes]
    is_leaf = lambda place: [int((t, node[place]) in leaves) for t, node in nodes]
    tensor = lambda name, kind, values: onnx.helper.make_tensor(name, kind, [len(values)], values)
    return {
        "tree_roots": [splits[t, 0] for t in range(len(trees))],
        "nodes_modes": tensor("modes", onnx.TensorProto.UINT8, [MODES.index(node[0]) for _, node in nodes]),
        "nodes_featureids": [node[1] for _, node in nodes],
        "nodes_splits": tensor("splits", onnx.TensorProto.DOUBLE, [node[2] for _, node in nodes]),
        "nodes_missing_value_tracks_true": [node[3] for _, node in nodes],
        "nodes_truenodeids": child(4),
        "nodes_falsenodeids": child(5),
        "nodes_trueleafs": is_leaf(4),
        "nodes_falseleafs": is_leaf(5),
        "leaf_targetids": [0] * len(leaves),
        "leaf_weights": tensor("weights", onnx.TensorProto.DOUBLE, [trees[t][n][0] for t, n in leaves]),
    }


def hand_made_cases(cases: Cases) -> None:
    """What the converters above do not write: every comparison, doubles, means, two weights a leaf, an input for each feature."""
    make, kinds = onnx.helper, onnx.TensorProto
    trees = random_trees(np.random.default_rng(SEED))
    lists = tree_lists(trees)
    leaves = [(t, n, node[0]) for t, tree in enumerate(trees) for n, node in enumerate(tree) if len(node) == 1]
    weights = [w for _, _, w in leaves]
    targets = {
        "target_treeids": [t for t, _, _ in leaves],
        "target_nodeids": [n for _, n, _ in leaves],
        "target_ids": [0] * len(leaves),
    }
    doubles = lambda name, values: make.make_tensor(name, kinds.DOUBLE, [len(values)], values)
    tree = lambda kind, given, outputs, attributes: make.make_node(
        kind, given, outputs, domain="ai.onnx.ml", name=kind, **attributes
    )
    thresholds = [(node[1], node[2]) for tree in trees for node in tree if len(node) > 1]

    offset, scale = (
        np.float32([0.3, -7.1, 100.7, 0.01, 3.3]).astype(float),
        np.float32([0.011, 3.3, 0.7, 1.7, 0.13]).astype(float),
    )
    scaled_thresholds = [(feature, value / scale[feature] + offset[feature]) for feature, value in thresholds]

    def add(
        case: str, nodes: list, version: int, kind: int, out: int = kinds.FLOAT, separate: bool = False, scaled: bool = False
    ) -> None:
        wide = [make.make_tensor_value_info("x", kind, [None, len(NAMES)])]
        given = [make.make_tensor_value_info(name, kind, [None, 1]) for name in NAMES] if separate else wide
        outputs = [make.make_tensor_value_info("y", out, [None, None])]
        operators = [make.make_opsetid("", 18), make.make_opsetid("ai.onnx.ml", version)]
        model = make.make_model(make.make_graph(nodes, case, given, outputs), opset_imports=operators, ir_version=8)
        x = golden(scaled_thresholds if scaled else thresholds)
        names = NAMES if separate else [f"f{i}" for i in range(len(NAMES))]
        cases.write(f"onnx_{case}", "onnx", model.SerializeToString(), names, x, run(model, x))

    single = {**lists, **targets, "target_weights": weights, "n_targets": 1, "base_values": [0.125]}
    add("modes", [tree("TreeEnsembleRegressor", ["x"], ["y"], single)], 1, kinds.FLOAT)
    scaler = tree("Scaler", ["x"], ["scaled"], {"offset": offset.tolist(), "scale": scale.tolist()})
    for name, kind in (("scaled", kinds.FLOAT), ("scaled_double", kinds.DOUBLE)):
        add(name, [scaler, tree("TreeEnsembleRegressor", ["scaled"], ["y"], single)], 1, kind, scaled=True)
    double = {**lists, **targets, "n_targets": 1, "aggregate_function": "AVERAGE"}
    double["nodes_values_as_tensor"] = doubles("values", double.pop("nodes_values"))
    double["target_weights_as_tensor"] = doubles("weights", [w * len(trees) for w in weights])
    double["base_values_as_tensor"] = doubles("base", [-0.001])
    add("modes_double", [tree("TreeEnsembleRegressor", ["x"], ["y"], double)], 3, kinds.DOUBLE)
    nodes = [tree("TreeEnsemble", ["x"], ["sum"], {**split_lists(trees), "n_targets": 1, "aggregate_function": 1})]
    add("splits_and_leaves", [*nodes, make.make_node("Sigmoid", ["sum"], ["y"])], 5, kinds.DOUBLE, kinds.DOUBLE)
    classes = {
        "class_treeids": np.repeat(targets["target_treeids"], 2).tolist(),
        "class_nodeids": np.repeat(targets["target_nodeids"], 2).tolist(),
    }
    classes |= {"class_ids": [0, 1] * len(leaves), "class_weights": [v for w in weights for v in (1 / len(trees) - w, w)]}
    classes |= {"classlabels_strings": ["good", "bad"], "post_transform": "NONE"}
    picked = [
        make.make_node("Concat", NAMES, ["x"], axis=1),
        tree("TreeEnsembleClassifier", ["x"], ["label", "scores"], {**lists, **classes}),
        make.make_node("Constant", [], ["second"], value=make.make_tensor("second", kinds.INT64, [1], [1])),
        tree("ArrayFeatureExtractor", ["scores", "second"], ["y"], {}),
    ]
    add("inputs_and_classes", picked, 1, kinds.FLOAT, separate=True)


def check(folder: pathlib.Path) -> int:
    """Whether ONNX Runtime gives the predictions of the models that riskflow exported to `exported`, with the rows and predictions."""
    worst = 0.0
    for path in sorted((folder / "exported").glob("*.onnx")):
        rows = np.genfromtxt(path.with_suffix(".csv"), delimiter=",")
        model = onnx.load(path)
        onnx.checker.check_model(model)
        difference = np.abs(run(model, rows[:, :-1]) - rows[:, -1]).max()
        print(f"{path.stem:34} {difference:.1e}")
        worst = max(worst, difference if np.isfinite(difference) else np.inf)
    print(f"ONNX Runtime differs by at most {worst:.1e}")
    return int(worst == 0.0 or worst > 1e-6)
