"""What the stability index and the exact KS test cost of a million rows against a million, 20 columns: CPU-seconds in numpy, in scipy and
here, the least of some turns, and in evidently of one. Each is given the columns in memory; reading them is not counted on any side. The sums
of the figures must agree."""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[threads] = "1"

import numpy, pandas, pyarrow, pyarrow.parquet
from scipy import stats

COLUMNS = 20
HERE = os.path.dirname(os.path.abspath(__file__))


def sample(rows, seed, shift):
    """Bell curves, heavy tails, waiting times and whole numbers; some columns have gaps."""
    random = numpy.random.default_rng(seed)
    columns = []
    for place in range(COLUMNS):
        moved = shift * (place % 5) / 10
        values = (
            random.normal(100 + moved, 15, rows), random.lognormal(3 + moved / 10, 1, rows), random.exponential(1 + moved, rows),
            random.poisson(4 + moved, rows).astype(float), random.random(rows) + moved / 10,
        )[place % 5]
        if place >= 15:
            values[random.random(rows) < 0.02] = numpy.nan
        columns.append(values)
    return columns


def cpu(run):
    used = resource.getrusage(resource.RUSAGE_SELF)
    before = used.ru_utime + used.ru_stime
    result = run()
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime - before, result


def edges_of(reference):
    then = reference[~numpy.isnan(reference)]
    edges = numpy.unique(numpy.quantile(then, numpy.arange(1, 10) / 10, method="inverted_cdf"))
    return edges[edges < then.max()]


def numpy_psi(reference, current, edges=None):
    edges = edges_of(reference) if edges is None else edges
    then, now = reference[~numpy.isnan(reference)], current[~numpy.isnan(current)]
    # The bins of a histogram hold their lower edge, ours the upper one.
    cut = numpy.concatenate(([-numpy.inf], numpy.nextafter(edges, numpy.inf), [numpy.inf]))
    p = numpy.append(numpy.histogram(then, cut)[0], len(reference) - len(then))
    q = numpy.append(numpy.histogram(now, cut)[0], len(current) - len(now))
    p, q = p[p + q > 0], q[p + q > 0]
    share = lambda counts: (counts + 0.5) / (counts.sum() + 0.5 * len(counts))
    return float(((share(q) - share(p)) * numpy.log(share(q) / share(p))).sum())


def scipy_ks(reference, current):
    return float(stats.ks_2samp(reference[~numpy.isnan(reference)], current[~numpy.isnan(current)], method="asymp").statistic)


def evidently_preset(reference, current, method):
    import evidently
    from evidently.presets import DataDriftPreset

    frames = [pandas.DataFrame({f"f{place}": values for place, values in enumerate(side)}) for side in (reference, current)]
    run = lambda: evidently.Report([DataDriftPreset(**({"method": method} if method else {}))]).run(frames[1], frames[0]).dict()
    return cpu(run)[0]


MEASURE = """
import json, os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, used = os.wait4(process.pid, 0)
print(json.dumps([status, used.ru_maxrss / 1000, used.ru_utime + used.ru_stime]))
"""


def memory_of(program, folder):
    """The highest memory of `riskflow drift` on the same columns in MB, reading included, and its CPU-seconds. It is started by a small process:
    what a large one starts has its memory counted."""
    files = [os.path.join(folder, name + ".parquet") for name in ("then", "now")]
    command = [sys.executable, "-c", MEASURE, program, "drift", "--reference", files[0], "--current", files[1], "--json"]
    status, megabytes, seconds = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    if status:
        raise SystemExit("riskflow drift failed")
    return megabytes, seconds


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rows", type=int, default=1_000_000)
    arguments.add_argument("--rounds", type=int, default=5, help="how often each has its turn, evidently apart")
    arguments.add_argument("--riskflow", help="the program, to measure its memory and its time with the reading, too")
    arguments.add_argument("--bench", help="the built bench `million` of drift; it is built otherwise")
    arguments.add_argument("--without-evidently", action="store_true")
    given = arguments.parse_args()
    reference, current = sample(given.rows, 1, 0.0), sample(given.rows, 2, 1.0)
    pairs = list(zip(reference, current))
    edges = [edges_of(then) for then in reference]
    results = {}

    def least(what, seconds):
        results[what] = min(seconds, results.get(what, seconds))

    with tempfile.TemporaryDirectory() as folder:
        for name, side in (("then", reference), ("now", current)):
            numpy.concatenate(side).tofile(os.path.join(folder, name))
        bench = [given.bench] if given.bench else ["cargo", "bench", "--quiet", "-p", "drift", "--bench", "million", "--"]
        command = [*bench, *(os.path.join(folder, name) for name in ("then", "now")), str(COLUMNS)]
        # In turns, so that what else runs on the machine meets all alike; the least of each is the least disturbed.
        for _ in range(given.rounds):
            seconds, indices = cpu(lambda: sum(numpy_psi(*pair) for pair in pairs))
            least("numpy PSI", seconds)
            least("numpy PSI, edges known", cpu(lambda: sum(numpy_psi(*pair, known) for pair, known in zip(pairs, edges)))[0])
            seconds, distances = cpu(lambda: sum(scipy_ks(*pair) for pair in pairs))
            least("scipy KS", seconds)
            ours = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, cwd=HERE).stdout)
            for what, expect in (("psi_sum", indices), ("ks_sum", distances)):
                if abs(ours[what] - expect) > 1e-9 * abs(expect):
                    raise SystemExit(f"{what} is {ours[what]} here and {expect} there")
            least("riskflow PSI", ours["psi_cpu_seconds"])
            least("riskflow PSI, edges known", ours["psi_known_edges_cpu_seconds"])
            # The exact KS comes with the other figures: nothing is sorted for it alone.
            least("riskflow KS and all other figures", ours["all_cpu_seconds"])
        if given.riskflow:
            for name, side in (("then", reference), ("now", current)):
                columns = {f"f{place}": pyarrow.array(values, from_pandas=True) for place, values in enumerate(side)}
                pyarrow.parquet.write_table(pyarrow.table(columns), os.path.join(folder, name + ".parquet"))
            megabytes, results["riskflow drift, with the reading"] = memory_of(given.riskflow, folder)
            print(json.dumps({"riskflow drift": "highest memory", "MB": megabytes}), flush=True)
    if not given.without_evidently:
        for method in ("psi", "ks", None):
            results[f"evidently {method or 'as it comes'}"] = evidently_preset(reference, current, method)
    for name, seconds in results.items():
        print(json.dumps({"what": name, "cpu_seconds": round(seconds, 4)}))
    against = lambda ours, theirs: print(json.dumps({"times": f"{ours} against {theirs}", "factor": round(results[theirs] / results[ours], 1)}))
    against("riskflow PSI", "numpy PSI")
    against("riskflow PSI, edges known", "numpy PSI, edges known")
    against("riskflow KS and all other figures", "scipy KS")
    if not given.without_evidently:
        against("riskflow PSI", "evidently psi")
        against("riskflow KS and all other figures", "evidently ks")


main()
