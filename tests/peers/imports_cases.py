"""The data of the models that `imports.py` trains, the rows that they are asked for and the folder that all is written to."""

import pathlib

import numpy as np

NAMES = ["amount", "balance", "age_days", "risk", "country"]
ROWS = 200
EXPLAINED = 20
SEED = 20_250_301


def training(missing: bool = True, zeros: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Features and labels; `country` is a category from 0 to 39."""
    rng = np.random.default_rng(SEED)
    x = rng.normal(size=(600, len(NAMES)))
    x[:, 0] = np.exp(x[:, 0]) * 100
    x[:, 2] *= 1000
    x[:, 4] = rng.integers(0, 40, len(x))
    risk = 0.008 * x[:, 0] + x[:, 1] * x[:, 3] + (x[:, 4] % 3 == 1) - (x[:, 2] > 500) + rng.normal(size=len(x))
    y = (risk > np.quantile(risk, 0.7)).astype(int)
    if zeros:
        x[rng.random(x.shape) < 0.2] = 0.0
    if missing:
        x[rng.random(x.shape) < 0.12] = np.nan
    return x, y


def golden(thresholds: list[tuple[int, float]], missing: bool = True, categories: bool = False) -> np.ndarray:
    """Rows like those of training, many of which have values on or beside a threshold."""
    rng = np.random.default_rng(SEED + 1)
    x, _ = training(missing)
    x = x[rng.permutation(len(x))[:ROWS]]
    x[:, :4] += rng.normal(size=(ROWS, 4)) * 1e-3
    thresholds = [(feature, value) for feature, value in thresholds if np.isfinite(value) and abs(value) < 1e30]
    for row in range(ROWS // 3, ROWS):
        for _ in range(3):
            if thresholds:
                feature, value = thresholds[rng.integers(len(thresholds))]
                single = np.float32(value)
                half = (float(single) + float(np.nextafter(single, np.float32(-np.inf)))) / 2
                near = [value, np.nextafter(value, -np.inf), np.nextafter(value, np.inf)]
                near += [
                    half,
                    np.nextafter(half, -np.inf),
                    np.nextafter(half, np.inf),
                    float(np.nextafter(single, np.float32(-np.inf))),
                ]
                x[row, feature] = near[rng.integers(len(near))]
    odd = [0.0, -0.0, 1e-36, -1e-36, 1e-34, -1e-34, float(np.float32(1e-35)), -float(np.float32(1e-35))]
    for place, value in enumerate(odd):
        x[40 + 2 * place, place % 4] = value
        x[41 + 2 * place, 3 - place % 4] = value
    if categories:
        for row in range(0, ROWS, 2):
            x[row, 4] = [-3.0, -1.0, -0.5, 0.0, 0.5, 2.7, 31.0, 32.0, 39.9, 40.0, 77.0, 3e9, 1e300][rng.integers(13)]
    return x


def sigmoid(margin: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-margin))


class Cases:
    """Writes cases to a folder."""

    def __init__(self, out: pathlib.Path) -> None:
        self.out = out
        (out / "refused").mkdir(parents=True, exist_ok=True)

    def write(self, case: str, ext: str, model: bytes, names: list[str], x: np.ndarray, predictions: np.ndarray) -> None:
        (self.out / f"{case}.{ext}").write_bytes(model)
        self.table(case, [*names, "prediction"], np.column_stack([x, np.asarray(predictions, dtype=float)]))

    def explain(self, case: str, names: list[str], contributions: np.ndarray) -> None:
        """Contributions, the base last."""
        self.table(f"{case}.shap", [*names, "base"], np.asarray(contributions, dtype=float))

    def refuse(self, case: str, ext: str, model: bytes, words: str) -> None:
        (self.out / "refused" / f"{case}.{ext}").write_bytes(model)
        (self.out / "refused" / f"{case}.expect").write_text(words)

    def table(self, name: str, header: list[str], rows: np.ndarray) -> None:
        lines = [",".join(header)]
        lines += [",".join("" if np.isnan(value) else repr(float(value)) for value in row) for row in rows]
        (self.out / f"{name}.csv").write_text("\n".join(lines) + "\n")
