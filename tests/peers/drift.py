"""Makes drift/src/fixtures/figures.json: what scipy, numpy and evidently say of samples that a simple generator makes, as the Rust tests
make them, too. The stability index is written out in numpy by its definition, with edges at quantiles of the reference."""

import json
import os
import sys

import evidently, numpy, pandas, scipy
from evidently.legacy.calculations.stattests import ks_stat_test, wasserstein_stat_test
from scipy import stats
from scipy.spatial.distance import jensenshannon

SHAPES = ("equal", "shifted", "tailed", "ties", "gaps")
ROWS = ((300, 300), (1500, 900), (40, 2000), (3000, 3000), (20000, 700))


def draws(seed):
    while True:
        seed = (1103515245 * seed + 12345) % 2**31
        yield seed / 2**31


def samples(name, seed, rows):
    draw = draws(seed)

    def sample(count, current):
        shift, out = (0.05 if current else 0.0), []
        for _ in range(count):
            u, chance = next(draw), next(draw)
            out.append({
                "equal": u,
                "shifted": u + shift,
                "tailed": (u + shift) * (u + shift) * (u + shift) * 1000.0,
                "ties": numpy.floor((u + shift) * 7.0),
                "gaps": numpy.nan if chance < (0.08 if current else 0.03) else u - 0.5,
            }[name])
        return numpy.array(out)

    return sample(rows[0], False), sample(rows[1], True)


def edges(reference):
    """Deciles that differ, without one that is the highest value."""
    deciles = numpy.unique(numpy.quantile(reference, numpy.arange(1, 10) / 10, method="inverted_cdf"))
    return deciles[deciles < reference.max()]


def counts(sample, edges):
    """By bin, each with its upper edge in it, and at the end the missing ones."""
    present = sample[~numpy.isnan(sample)]
    binned = numpy.bincount(numpy.searchsorted(edges, present, side="left"), minlength=len(edges) + 1)
    return numpy.append(binned, len(sample) - len(present))


def psi(reference, current):
    used = reference + current > 0
    reference, current = reference[used], current[used]
    share = lambda counts: (counts + 0.5) / (counts.sum() + 0.5 * len(counts))
    value = float(((share(current) - share(reference)) * numpy.log(share(current) / share(reference))).sum())
    scale, degrees = 1 / reference.sum() + 1 / current.sum(), len(reference) - 1
    return value, float(scale * stats.chi2.ppf(0.99, degrees)), float(stats.chi2.sf(value / scale, degrees))


def chi_square(reference, current):
    table = numpy.array([reference, current])
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2:
        return 0.0, 0, 1.0
    found = stats.chi2_contingency(table, correction=False)
    return float(found.statistic), int(found.dof), float(found.pvalue)


def numbers(name, seed, rows):
    reference, current = samples(name, seed, rows)
    then, now = (sample[~numpy.isnan(sample)] for sample in (reference, current))
    cut = edges(then)
    p, q = counts(reference, cut), counts(current, cut)
    value, noise, psi_p = psi(p, q)
    ks = stats.ks_2samp(then, now, method="asymp")
    pairs = len(then) * len(now)
    exact = float(stats.ks_2samp(then, now, method="exact").pvalue) if pairs <= 4_000_000 else None
    evidently_ks = ks_stat_test.func(pandas.Series(then), pandas.Series(now), "num", 0.05)[0]
    evidently_distance = wasserstein_stat_test.func(pandas.Series(then), pandas.Series(now), "num", 0.1)[0]
    missing = [[int(side[-1]), int(side[:-1].sum())] for side in (p, q)]
    return {
        "name": name, "seed": seed, "rows": rows, "psi": value, "noise": noise, "psi_p": psi_p, "edges": cut.tolist(),
        "js": float(jensenshannon(p, q)), "js_base_2": float(jensenshannon(p, q, 2)), "ks": float(ks.statistic),
        "ks_exact_p": exact, "ks_limit_p": float(stats.kstwobign.sf(ks.statistic * numpy.sqrt(pairs / (len(then) + len(now))))),
        "ks_asymp_p": float(ks.pvalue), "wasserstein": float(stats.wasserstein_distance(then, now)),
        "missing_p": chi_square(*missing)[2], "missing_rates": [float(numpy.isnan(sample).mean()) for sample in (reference, current)],
        "evidently_ks_p": float(evidently_ks), "evidently_wasserstein": float(evidently_distance),
        "deviation": float(numpy.std(then)),
    }


def categories(reference, current, missing):
    """Levels of the reference, then what is new, then what is missing."""
    p = numpy.array([*reference.values(), 0, missing[0]])
    new = sum(rows for level, rows in current.items() if level not in reference)
    q = numpy.array([*(current.get(level, 0) for level in reference), new, missing[1]])
    statistic, degrees, probability = chi_square(p, q)
    return {
        "reference": reference, "current": current, "missing": missing, "statistic": statistic, "degrees": degrees, "p": probability,
        "cramers_v": float(stats.contingency.association(numpy.array([p, q])[:, p + q > 0], method="cramer")),
        "psi": psi(p, q)[0], "js": float(jensenshannon(p, q)),
    }


def main():
    tables = [([10, 20, 30], [12, 25, 20]), ([500, 1, 0, 8], [400, 0, 5, 30]), ([7] * 40, list(range(1, 41)))]
    found = [0.5, 0.001, 0.011, 0.2, 0.04, 1.0, 0.0003, 0.02, 0.9, 0.011]
    text = json.dumps({
        "made_with": {"evidently": evidently.__version__, "numpy": numpy.__version__, "scipy": scipy.__version__},
        "numbers": [numbers(name, 7 * place + 1, rows) for place, rows in enumerate(ROWS) for name in SHAPES],
        "categories": [
            categories({"chip": 600, "ecom": 300, "swipe": 100}, {"chip": 500, "ecom": 420, "swipe": 60}, (10, 30)),
            categories({"a": 40, "b": 60}, {"a": 35, "b": 50, "c": 5}, (0, 0)),
        ],
        "chi_square": [
            {"table": table, "statistic": statistic, "degrees": degrees, "p": p}
            for table in tables for statistic, degrees, p in [chi_square(*table)]
        ],
        "adjusted": {"p": found, "adjusted": stats.false_discovery_control(found).tolist()},
    }, indent=1)
    if sys.argv[1:] == ["--check"]:
        with open(PATH) as there:
            sys.exit(None if there.read() == text + "\n" else f"{PATH} is not what these versions say: make it again")
    with open(PATH, "w") as out:
        out.write(text + "\n")


PATH = os.path.join(os.path.dirname(__file__), "../../drift/src/fixtures/figures.json")
main()
