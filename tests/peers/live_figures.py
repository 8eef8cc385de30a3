"""Writes evaluation/src/fixtures/live.json: what others say of the rows that the tests of `evaluation` make, too. NannyML of figures
expected from probabilities, lifelines of labels that are known late, MLstatkit of two areas under the curve."""

import json
import sys
from importlib.metadata import version

import numpy
from lifelines import KaplanMeierFitter
from MLstatkit import Delong_test
from nannyml.performance_estimation.confidence_based import metrics


def draws():
    state = 1
    while True:
        state = (1103515245 * state + 12345) % 2**31
        yield state / 2**31


def expected():
    # Four decimals, since NannyML rounds its sums to five, and no two alike, since it takes rows that tie one after the other.
    scores = numpy.array([(row * 7919 % 1500 + 1) / 2000 for row in range(1500)])
    flagged = (scores >= 0.5).astype(int)
    return {
        "auc": metrics.estimate_roc_auc(scores, scores),
        "average_precision": metrics.estimate_ap(scores, scores),
        "precision": metrics.estimate_precision(flagged, scores),
        "recall": metrics.estimate_recall(flagged, scores),
        "f1": metrics.estimate_f1(flagged, scores),
        "accuracy": metrics.estimate_accuracy(flagged, scores),
    }


def maturity():
    draw, known = draws(), []
    for _ in range(2000):
        day, chance = 120 * next(draw), next(draw)
        after, watched = int(60 * chance * chance), 120 - int(day)
        if after <= watched:
            known.append((after, watched))
    horizon = sorted((watched for _, watched in known), reverse=True)[19]
    known = [(after, watched) for after, watched in known if after <= horizon]
    # In reversed time an event enters when it is old enough to show the delay, and dies at its delay.
    last = max(watched for _, watched in known)
    fit = KaplanMeierFitter().fit(
        [last - after for after, _ in known], entry=[last - watched - 0.5 for _, watched in known], label="known"
    )
    share = lambda age: float(fit.survival_function_at_times(last - age - 0.25).iloc[0])
    return {"horizon": horizon, "bad": len(known), "known_by": [[age, share(age)] for age in (0, 1, 3, 7, 14, 30, 45, 59, 90)]}


def two_areas():
    draw, scores, champion, labels = draws(), [], [], []
    for _ in range(1500):
        risk, noise, other, chance, _ = (next(draw) for _ in range(5))
        scores.append((2 + int(96 * (0.7 * risk + 0.3 * noise))) / 100)
        champion.append((2 + int(96 * (0.5 * risk + 0.5 * other))) / 100)
        labels.append(chance < risk**3)
    z, p, champion_auc, auc = Delong_test(labels, champion, scores, return_ci=False)
    return {"z": z, "p": p, "auc": auc, "champion_auc": champion_auc}


packages = ("nannyml", "lifelines", "MLstatkit", "numpy")
result = {
    "versions": {name: version(name) for name in packages},
    "expected": expected(),
    "maturity": maturity(),
    "delong": two_areas(),
}
json.dump(result, sys.stdout, indent=2, default=float)
print()
