"""What one evaluation of a model of trees costs in LightGBM and in riskflow: the same trees, the same rows, one thread, taking turns.

LightGBM is called as fast as it can be, by its C interface for single rows, from C. Both sides read the clock twice for each row. A line
for each model: the medians of the rounds, and how many times faster riskflow is. About two minutes; it needs a C compiler (`cc`).
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import tempfile

os.environ["OMP_NUM_THREADS"] = "1"

import lightgbm
import numpy

FEATURES = 20
MODELS = {
    "300 trees x 31 leaves": {"num_leaves": 31, "trees": 300},
    "100 trees x depth 6": {"num_leaves": 64, "max_depth": 6, "trees": 100},
    "300 trees x 31 leaves, categories": {"num_leaves": 31, "trees": 300, "categories": [15, 16, 17]},
    "100 trees x 8 leaves": {"num_leaves": 8, "trees": 100},
    "100 trees x 255 leaves": {"num_leaves": 255, "trees": 100},
}
FIGURES = ("p50_us", "p99_us", "batch_us_per_row", "shap_p50_us")


def rows(count: int, seed: int) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Heavy tails, steps, a product, categories and gaps; about one row in ten is bad."""
    random = numpy.random.default_rng(seed)
    values = random.standard_normal((count, FEATURES))
    values[:, :5] = numpy.exp(values[:, :5])
    values[:, 15:] = random.integers(0, 12, (count, 5))
    known = values.copy()
    values[random.random((count, FEATURES)) < 0.02] = numpy.nan
    margin = (
        0.5 * numpy.log1p(known[:, 0]) + 0.8 * (known[:, 6] > 1) + 0.6 * known[:, 7] * known[:, 8] + 0.25 * (known[:, 16] % 3 == 1)
        + 0.5 * numpy.sin(2 * known[:, 9]) - 0.4 * known[:, 10] - 3.2
    )
    return values, (random.random(count) < 1 / (1 + numpy.exp(-margin))).astype(float)


def train(values: numpy.ndarray, labels: numpy.ndarray, settings: dict) -> lightgbm.Booster:
    settings = dict(settings)
    trees, categories = settings.pop("trees"), settings.pop("categories", [])
    parameters = {"objective": "binary", "learning_rate": 0.1, "num_threads": 1, "verbose": -1, "seed": 1, **settings}
    return lightgbm.train(parameters, lightgbm.Dataset(values, labels, categorical_feature=categories), trees)


def write(folder: pathlib.Path, booster: lightgbm.Booster, values: numpy.ndarray) -> None:
    booster.save_model(folder / "model.txt")
    values.tofile(folder / "rows.bin")
    known = booster.predict(values, num_threads=1)
    with open(folder / "rows.csv", "w") as file:
        file.write(",".join([*booster.feature_name(), "prediction"]) + "\n")
        for row, prediction in zip(values, known):
            file.write(",".join("" if numpy.isnan(value) else repr(float(value)) for value in row) + f",{float(prediction)!r}\n")


def measured(command: list) -> dict:
    return json.loads(subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--riskflow", required=True, help="the program, built with --release")
    arguments.add_argument("--evaluations", type=int, default=100_000)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--models", type=int, default=len(MODELS), help="measure only so many of the first models")
    given = arguments.parse_args()
    library = pathlib.Path(lightgbm.__file__).parent / "lib"
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        program = folder / "lightgbm_rows"
        source = pathlib.Path(__file__).with_name("lightgbm_rows.c")
        subprocess.run(["cc", "-O2", "-o", program, source, library / "lib_lightgbm.so", f"-Wl,-rpath,{library}"], check=True)
        values, labels = rows(50_000, 1)
        test, _ = rows(2_000, 2)
        for model, settings in list(MODELS.items())[: given.models]:
            write(folder, train(values, labels, settings), test)
            theirs = [program, folder / "model.txt", folder / "rows.bin", len(test), FEATURES, given.evaluations]
            ours = [given.riskflow, "bench", "model", "--lightgbm", folder / "model.txt", "--rows", folder / "rows.csv",
                    "--evaluations", given.evaluations, "--json"]
            turns = [(measured(theirs), measured(ours)) for _ in range(given.rounds)]
            figures = {}
            for figure in FIGURES:
                lightgbms, riskflows = ([turn[side][figure] for turn in turns] for side in (0, 1))
                figures[figure] = {
                    "lightgbm": round(statistics.median(lightgbms), 3),
                    "riskflow": round(statistics.median(riskflows), 3),
                    "ratio": round(statistics.median(theirs / ours for theirs, ours in zip(lightgbms, riskflows)), 2),
                }
            last = turns[-1][1]
            print(json.dumps({"model": model, **figures, "make_ready_ms": round(last["make_ready_ms"], 2),
                              "largest_difference": last["largest_difference"]}), flush=True)


main()
