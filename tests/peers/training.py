"""What learning and predicting cost in LightGBM and in riskflow: CPU-seconds of one run, on the same made-up rows.

500,000 rows of 20 features, 300 trees of 31 leaves, two threads. Reading the data is not counted on either side; LightGBM's figure holds
its binning, as riskflow's does. LightGBM's threads wait passively, since they burn CPU at barriers otherwise.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile

os.environ["OMP_WAIT_POLICY"] = "passive"

import lightgbm
import numpy
import pyarrow
import pyarrow.parquet

FEATURES = 20


def rows(count: int, seed: int) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Heavy tails, steps, a product and noise; about one row in ten is bad."""
    random = numpy.random.default_rng(seed)
    values = random.standard_normal((count, FEATURES))
    values[:, :5] = numpy.exp(values[:, :5])
    values[:, 15:] = random.integers(0, 12, (count, 5))
    values[random.random((count, FEATURES)) < 0.02] = numpy.nan
    known = numpy.nan_to_num(values)
    margin = (
        0.5 * numpy.log1p(known[:, 0]) + 0.8 * (known[:, 6] > 1) + 0.6 * known[:, 7] * known[:, 8] + 0.25 * (known[:, 16] > 8)
        + 0.5 * numpy.sin(2 * known[:, 9]) - 0.4 * known[:, 10] - 3.2
    )
    return values, random.random(count) < 1 / (1 + numpy.exp(-margin))


def write(values: numpy.ndarray, labels: numpy.ndarray, path: str) -> None:
    # A gap is no number.
    columns = {f"f{number}": pyarrow.array(values[:, number], from_pandas=True) for number in range(FEATURES)}
    pyarrow.parquet.write_table(pyarrow.table({**columns, "bad": labels.astype(numpy.int64)}), path)


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def memory_mb(name: str) -> float:
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith(name))
    return int(line.split()[1]) * 1024 / 1e6


def auc(scores: numpy.ndarray, labels: numpy.ndarray) -> float:
    ranks = numpy.empty(len(scores))
    ranks[numpy.argsort(scores, kind="stable")] = numpy.arange(1, len(scores) + 1)
    bad = labels.sum()
    return float((ranks[labels].sum() - bad * (bad + 1) / 2) / (bad * (len(labels) - bad)))


def measure_lightgbm(values: numpy.ndarray, labels: numpy.ndarray, test: tuple, bins: int, threads: int) -> dict:
    parameters = {
        "objective": "binary", "num_leaves": 31, "learning_rate": 0.1, "min_data_in_leaf": 20, "lambda_l2": 1.0,
        "max_bin": bins, "num_threads": threads, "verbose": -1, "deterministic": True, "force_row_wise": False, "force_col_wise": True,
    }
    before = memory_mb("VmRSS:")
    with open("/proc/self/clear_refs", "w") as refs:
        # From here on the highest mark is that of learning.
        refs.write("5")
    started = cpu_seconds()
    model = lightgbm.train(parameters, lightgbm.Dataset(values, labels.astype(float)), 300)
    fit = cpu_seconds() - started
    peak = memory_mb("VmHWM:")
    started = cpu_seconds()
    scores = model.predict(test[0], num_threads=threads)
    predict = cpu_seconds() - started
    return {
        "engine": f"LightGBM {lightgbm.__version__}, {bins} bins",
        "fit_cpu_seconds": fit,
        "predict_cpu_seconds_per_million_rows": predict * 1e6 / len(scores),
        "auc": auc(scores, test[1]),
        "memory_over_data_mb": peak - before,
    }


def measure_riskflow(program: str, path: str, test: str, bins: int, threads: int) -> dict:
    arguments = ["bench", "training", "--data", path, "--test", test, "--label", "bad", "--bins", str(bins), "--threads", str(threads), "--json"]
    measured = json.loads(subprocess.run([program, *arguments], check=True, capture_output=True, text=True).stdout)
    return {
        "engine": f"riskflow, {bins} bins",
        "fit_cpu_seconds": measured["fit_cpu_seconds"],
        "predict_cpu_seconds_per_million_rows": measured["predict_cpu_seconds_per_million_rows"],
        "auc": measured["auc"],
        "memory_over_data_mb": measured["peak_memory_mb"] - measured["before_fit_memory_mb"],
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--riskflow", required=True, help="the program, built with --release")
    arguments.add_argument("--rows", type=int, default=500_000)
    arguments.add_argument("--threads", type=int, default=2)
    given = arguments.parse_args()
    values, labels = rows(given.rows, 1)
    print(f"{given.rows} rows x {FEATURES} features, {labels.mean():.1%} bad: {values.nbytes / 1e6:.0f} MB", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, name) for name in ("rows.parquet", "test.parquet")]
        test = rows(given.rows // 5, 2)
        write(values, labels, paths[0])
        write(*test, paths[1])
        for bins in (255, 1024):
            print(json.dumps(measure_lightgbm(values, labels, test, bins, given.threads)), flush=True)
            print(json.dumps(measure_riskflow(given.riskflow, *paths, bins, given.threads)), flush=True)


main()
