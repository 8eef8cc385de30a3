"""What a scoring service of FastAPI and LightGBM answers in a second, and riskflow beside it, in turns on the same machine.

The service takes the same events, checks them with pydantic, and asks a LightGBM model of 300 trees with 31 leaves about 30 numbers. It
computes no windowed features, has no rules and no lists, and keeps nothing: what riskflow does beside the model is its own affair. Both are
loaded by `riskflow bench api` with 16 connections. Prints a line for each side and the ratio of the medians. About a minute.
"""

import argparse
import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

FEATURES, TREES, LEAVES = 30, 300, 31
CONNECTIONS, ROUNDS, SECONDS = 16, 3, 4
KEYS = ["--keys", "card=20000", "--keys", "customer=10000", "--keys", "merchant=50"]


def serve(port: int) -> None:
    """The service itself, as its tutorials write it."""
    os.environ["OMP_NUM_THREADS"] = "1"
    import lightgbm
    import numpy
    import pydantic
    import uvicorn
    from fastapi import FastAPI

    random = numpy.random.default_rng(1)
    values = random.standard_normal((50_000, FEATURES))
    labels = (values[:, :5].sum(axis=1) + random.standard_normal(50_000) > 3).astype(float)
    settings = {"objective": "binary", "num_leaves": LEAVES, "num_threads": 1, "verbose": -1}
    booster = lightgbm.train(settings, lightgbm.Dataset(values, labels), TREES)

    class Event(pydantic.BaseModel, extra="allow"):
        event_id: str

    app = FastAPI()

    @app.post("/v1/score")
    def score(event: Event) -> dict:
        known = [float(value) for value in event.model_extra.values() if isinstance(value, (int, float))]
        vector = numpy.resize(numpy.array(known or [0.0]), (1, FEATURES))
        probability = float(booster.predict(vector, num_threads=1)[0])
        decision = "approve" if probability < 0.5 else "review"
        return {"event_id": event.event_id, "decision": decision, "score": round(1000 * probability)}

    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False)


def wait_for(url: str) -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(url, timeout=1)
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"nothing answers at {url}")


def load(riskflow: str, url: str, pipeline: pathlib.Path) -> float:
    command = [riskflow, "bench", "api", "--url", url, "--pipeline", pipeline, *KEYS, "--connections", str(CONNECTIONS), "--seconds", str(SECONDS)]
    measured = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    if measured["errors"]:
        raise SystemExit(f"{url} refused {measured['errors']} events")
    return measured["reached"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--riskflow", default="target/release/riskflow", help="the program")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        return serve(arguments.serve)
    riskflow, port = arguments.riskflow, 18_083
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        subprocess.run([riskflow, "bench", "setup", "--out", folder / "bench"], check=True, capture_output=True)
        pipeline = folder / "bench/pipeline.toml"
        run = [riskflow, "run", "--pipeline", pipeline, "--data-dir", folder / "bench/data", "--listen", "127.0.0.1:0"]
        ours = subprocess.Popen(run, env={**os.environ, "RISKFLOW_LOG__DURABILITY": "async"}, stderr=subprocess.PIPE, text=True)
        peer = subprocess.Popen([sys.executable, __file__, "--serve", str(port)])
        try:
            url = next(found[0] for line in ours.stderr if (found := re.search(r"http://127\.0\.0\.1:\d+", line)))
            urls = {"FastAPI + LightGBM": f"http://127.0.0.1:{port}", "riskflow": url}
            wait_for(f"{urls['FastAPI + LightGBM']}/openapi.json")
            rates = {name: [] for name in urls}
            for _ in range(ROUNDS):
                for name, at in urls.items():
                    rates[name].append(load(riskflow, at, pipeline))
        finally:
            for process in (ours, peer):
                process.send_signal(signal.SIGTERM)
                process.wait()
    medians = {name: statistics.median(each) for name, each in rates.items()}
    for name, each in rates.items():
        print(f"{name:20} {medians[name]:>10,.0f} a second  ({', '.join(f'{rate:,.0f}' for rate in each)})")
    print(f"riskflow answers {medians['riskflow'] / medians['FastAPI + LightGBM']:.1f} times as many")


if __name__ == "__main__":
    main()
