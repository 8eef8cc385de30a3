"""Small models of LightGBM, XGBoost and scikit-learn, and neural networks, with their own predictions, which riskflow's imports must give as well.

Writes for each case the model `<case>.<ext>`, `<case>.csv` with 200 rows (the features by name, an empty cell for a missing value, and
`prediction`, the probability that the program itself gives, ONNX Runtime for ONNX), and for trees whose file tells the training rows of
each leaf `<case>.shap.csv` with the contributions to the log-odds of the first 20 rows and `base`. Those are the library's own
(`pred_contrib`, which the shap package hands out too), for XGBoost also the shap package's in double precision. Rows hold missing
values and values on, just beside and half a single-precision step before a threshold. `refused` has models that must be refused and, as
`<case>.expect`, the words that the refusal must contain.
"""

import argparse
import json
import pathlib
import sys
import warnings

import lightgbm
import numpy as np
import shap
import xgboost
from imports_cases import EXPLAINED, NAMES, Cases, golden, sigmoid, training
from imports_networks import network_cases
from imports_onnx import check, hand_made_cases, onnx_cases

LIGHTGBM = {
    "objective": "binary",
    "num_leaves": 12,
    "min_data_in_leaf": 8,
    "verbose": -1,
    "seed": 7,
    "num_threads": 1,
    "deterministic": True,
}


def lightgbm_model(rounds: int, x: np.ndarray, y: np.ndarray, categories: bool = False, **options) -> lightgbm.Booster:
    columns = [4] if categories else "auto"
    options = {**LIGHTGBM, **options}
    return lightgbm.train(
        options, lightgbm.Dataset(x, y, feature_name=NAMES, categorical_feature=columns, params=options), rounds
    )


def lightgbm_thresholds(booster: lightgbm.Booster) -> list[tuple[int, float]]:
    thresholds = []
    for tree in booster.model_to_string().split("\nTree=")[1:]:
        entries = dict(line.split("=", 1) for line in tree.splitlines() if "=" in line)
        features, values, kinds = (entries[key].split() for key in ("split_feature", "threshold", "decision_type"))
        thresholds += [(int(f), float(v)) for f, v, kind in zip(features, values, kinds) if int(kind) & 1 == 0]
    return thresholds


def lightgbm_cases(cases: Cases) -> None:
    categorical = {"categories": True, "cat_smooth": 1, "min_data_per_group": 5, "max_cat_to_onehot": 1, "cat_l2": 1}
    plain = dict(rounds=40)
    variants = {
        "missing_nan": (plain, {}),
        "missing_zero": ({**plain, "zero_as_missing": True}, {"zeros": True}),
        "missing_none": ({**plain, "use_missing": False}, {"zeros": True}),
        "complete_rows": (plain, {"missing": False}),
        "categories": ({**plain, **categorical}, {}),
        "categories_onehot": ({**plain, **categorical, "max_cat_to_onehot": 64}, {}),
        "forest": ({"rounds": 20, "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6, "feature_fraction": 0.8}, {}),
        "dart": ({**plain, "boosting": "dart", "drop_rate": 0.3}, {}),
        "sigmoid": ({**plain, "sigmoid": 2.5}, {}),
        "cross_entropy": ({**plain, "objective": "cross_entropy"}, {}),
        "one_leaf": ({"rounds": 3, "min_data_in_leaf": 500}, {}),
    }
    for name, (options, data) in variants.items():
        booster = lightgbm_model(x=training(**data)[0], y=training(**data)[1], **options)
        x = golden(lightgbm_thresholds(booster), categories=bool(options.get("categories")))
        case = f"lightgbm_{name}"
        cases.write(case, "txt", booster.model_to_string().encode(), NAMES, x, booster.predict(x))
        # Contributions are those to the raw score, which the objective multiplies by its sigmoid parameter, and of a forest those to the
        # sum of the trees, where predictions are of their mean.
        trees = booster.num_trees() if name == "forest" else 1
        cases.explain(case, NAMES, booster.predict(x[:EXPLAINED], pred_contrib=True) * options.get("sigmoid", 1.0) / trees)

    x, y = training()
    cases.refuse(
        "lightgbm_regression", "txt", lightgbm_model(3, x, y, objective="regression").model_to_string().encode(), "regression"
    )
    many = lightgbm_model(3, x, np.arange(len(y)) % 3, objective="multiclass", num_class=3)
    cases.refuse("lightgbm_multiclass", "txt", many.model_to_string().encode(), "num_class=3")
    linear = lightgbm_model(3, *training(missing=False), linear_tree=True)
    cases.refuse("lightgbm_linear", "txt", linear.model_to_string().encode(), "linear_tree")


XGBOOST = {"objective": "binary:logistic", "max_depth": 4, "seed": 7, "nthread": 1}


def xgboost_matrix(x: np.ndarray, y: np.ndarray | None = None, categories: bool = False, names: bool = True) -> xgboost.DMatrix:
    types = {"feature_types": ["q"] * 4 + ["c"], "enable_categorical": True} if categories else {}
    return xgboost.DMatrix(x, y, feature_names=NAMES if names else None, **types)


def xgboost_thresholds(booster: xgboost.Booster) -> list[tuple[int, float]]:
    booster_part = json.loads(booster.save_raw("json"))["learner"]["gradient_booster"]
    trees = booster_part.get("gbtree", booster_part)["model"]["trees"]
    nodes = lambda tree: zip(tree["left_children"], tree["split_type"], tree["split_indices"], tree["split_conditions"])
    return [(f, float(np.float32(v))) for tree in trees for left, kind, f, v in nodes(tree) if left >= 0 and kind == 0]


def xgboost_shap(booster: xgboost.Booster, x: np.ndarray) -> np.ndarray:
    """The shap package's own computation in double precision, of values in single precision as XGBoost compares them. Its base takes
    inner nodes' weights before shrinkage, and is left to XGBoost."""
    explainer = shap.TreeExplainer(booster, feature_perturbation="tree_path_dependent")
    explainer.model.model_type = "internal"
    contributions = explainer.shap_values(x.astype(np.float32).astype(float), check_additivity=False)
    return np.column_stack([contributions, booster.predict(xgboost_matrix(x), pred_contribs=True)[:, -1]])


def xgboost_cases(cases: Cases) -> None:
    variants = {
        "plain": ({}, {}),
        "base_score": ({"base_score": 0.2}, {}),
        "exact": ({"tree_method": "exact"}, {}),
        "dart": ({"booster": "dart", "rate_drop": 0.3, "skip_drop": 0.2}, {}),
        "parallel": ({"num_parallel_tree": 4, "subsample": 0.7, "colsample_bynode": 0.7}, {}),
        "reg_logistic": ({"objective": "reg:logistic"}, {}),
        "raw": ({"objective": "binary:logitraw"}, {}),
        "unweighted": ({"min_child_weight": 0, "max_depth": 8, "scale_pos_weight": 3}, {}),
        "categories": ({"max_cat_to_onehot": 1}, {"categories": True}),
        "categories_onehot": ({"max_cat_to_onehot": 64}, {"categories": True}),
        "unnamed": ({}, {"names": False}),
    }
    x, y = training()
    for name, (options, how) in variants.items():
        booster = xgboost.train({**XGBOOST, **options}, xgboost_matrix(x, y, **how), 12 if name == "parallel" else 30)
        categories = how.get("categories", False)
        names = NAMES if how.get("names", True) else [f"f{i}" for i in range(len(NAMES))]
        rows = golden(xgboost_thresholds(booster), categories=categories)
        if categories:
            rows[rows > 1e6] = 50.0
        matrix = xgboost_matrix(rows, **how)
        predictions = booster.predict(matrix)
        predictions = sigmoid(predictions.astype(float)) if name == "raw" else predictions
        for ext, raw in (("json", "json"), ("ubj", "ubj")):
            case = f"xgboost_{name}_{ext}"
            cases.write(case, ext, bytes(booster.save_raw(raw)), names, rows, predictions)
            contributions = booster.predict(xgboost_matrix(rows[:EXPLAINED], **how), pred_contribs=True)
            cases.explain(case, names, contributions)
            if name in ("plain", "unweighted", "exact", "raw"):
                case = f"xgboost_{name}_double_{ext}"
                cases.write(case, ext, bytes(booster.save_raw(raw)), names, rows, predictions)
                cases.explain(case, names, xgboost_shap(booster, rows[:EXPLAINED]))
            if name == "plain" and ext == "json":
                # As versions before 3.1 wrote it.
                old = json.loads(booster.save_raw("json"))
                parameters = old["learner"]["learner_model_param"]
                parameters["base_score"] = parameters["base_score"].strip("[]")
                cases.write("xgboost_old_base_score", ext, json.dumps(old).encode(), names, rows, predictions)

    many = xgboost.train({**XGBOOST, "objective": "multi:softprob", "num_class": 3}, xgboost_matrix(x, np.arange(len(y)) % 3), 2)
    cases.refuse("xgboost_multiclass", "json", bytes(many.save_raw("json")), "multi:softprob")
    poisson = xgboost.train({**XGBOOST, "objective": "count:poisson"}, xgboost_matrix(x, y), 2)
    cases.refuse("xgboost_poisson", "ubj", bytes(poisson.save_raw("ubj")), "count:poisson")
    options = {"objective": "binary:logistic", "booster": "gblinear", "updater": "coord_descent", "nthread": 1}
    linear = xgboost.train(options, xgboost_matrix(x, y), 20)
    rows = golden([])
    for ext, raw in (("json", "json"), ("ubj", "ubj")):
        predictions = linear.predict(xgboost_matrix(rows))
        cases.write(f"xgboost_linear_{ext}", ext, bytes(linear.save_raw(raw)), NAMES, rows, predictions)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, type=pathlib.Path, help="the folder to write to")
    parser.add_argument("--check", action="store_true", help="instead, run what riskflow exported to its folder `exported`")
    arguments = parser.parse_args()
    if arguments.check:
        return check(arguments.out)
    warnings.simplefilter("ignore")
    cases = Cases(arguments.out)
    lightgbm_cases(cases)
    xgboost_cases(cases)
    onnx_cases(cases)
    hand_made_cases(cases)
    network_cases(cases)
    print(f"{len(list(arguments.out.glob('*.csv')))} tables in {arguments.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
