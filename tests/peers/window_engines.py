"""What the Handbook's twelve window features cost in Polars, in the ClickHouse engine, in DuckDB and in riskflow, in one run.

Figures are CPU-seconds, user and system, of all threads of the process; each engine may use one for its queries. Reading the file is
not counted: the events are in memory first. Each engine answers with sums over its features, which are held against each other. The few
rows that share a second with a later one see it here, and do not in riskflow.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys

# Polars reads this when it is imported.
os.environ["POLARS_MAX_THREADS"] = "1"

import chdb.session
import duckdb
import polars

DAY = 86_400
DELAY = 7 * DAY
WINDOWS = {"1d": DAY, "7d": 7 * DAY, "30d": 30 * DAY}
REPEATS = 3
# Sums in floating point depend on the order of the rows; what is missing or counted twice shows far above this.
TOLERANCE = 1e-6

# The first events in the order of time, as `events`.
FIRST = """SELECT {time} AS t, CUSTOMER_ID AS customer, TERMINAL_ID AS terminal, TX_AMOUNT_CENTS AS amount, TX_FRAUD AS fraud
           FROM (SELECT * FROM {file} ORDER BY TX_DATETIME, TRANSACTION_ID LIMIT {events})"""


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def quoted(path: str) -> str:
    return "'" + path.replace("'", "''") + "'"


def query(events: str, rate_or_zero: str) -> str:
    """The sums of all twelve features, so that the engine must compute each of them for each row.

    `rate_or_zero` is the function that replaces the average of an empty window.
    """
    features = []
    for width in WINDOWS.values():
        customer = f"OVER (PARTITION BY customer ORDER BY t RANGE BETWEEN {width - 1} PRECEDING AND CURRENT ROW)"
        terminal = f"OVER (PARTITION BY terminal ORDER BY t RANGE BETWEEN {DELAY + width - 1} PRECEDING AND {DELAY} PRECEDING)"
        features += [f"count(*) {customer}", f"avg(amount) {customer}"]
        features += [f"count(*) {terminal}", f"{rate_or_zero}(avg(fraud) {terminal}, 0)"]
    named = ", ".join(f"{feature} AS f{number}" for number, feature in enumerate(features))
    sums = ", ".join(f"sum(f{number})" for number in range(len(features)))
    return f"SELECT {sums} FROM (SELECT {named} FROM {events})"


class Duckdb:
    name = "DuckDB"
    version = duckdb.__version__
    setting = "threads = 1"

    def __init__(self, data: str, events: int):
        self.database = duckdb.connect(config={"threads": 1})
        first = FIRST.format(time="epoch(TX_DATETIME)::BIGINT", file=f"read_parquet({quoted(data)})", events=events)
        self.database.execute(f"CREATE TABLE events AS {first}")

    def sums(self) -> list[float]:
        return [float(cell) for cell in self.database.execute(query("events", "coalesce")).fetchone()]


class Clickhouse:
    name = "ClickHouse engine"
    version = chdb.engine_version
    setting = "max_threads = 1"

    def __init__(self, data: str, events: int):
        self.session = chdb.session.Session()
        first = FIRST.format(time="toUnixTimestamp(TX_DATETIME)", file=f"file({quoted(data)}, Parquet)", events=events)
        self.session.query("CREATE DATABASE peers")
        self.session.query(f"CREATE TABLE peers.events ENGINE = Memory AS {first}")

    def sums(self) -> list[float]:
        answer = self.session.query(f"{query('peers.events', 'ifNotFinite')} SETTINGS max_threads = 1", "JSONCompact")
        return [float(cell) for cell in json.loads(str(answer))["data"][0]]


class Polars:
    name = "Polars"
    version = polars.__version__
    setting = "POLARS_MAX_THREADS = 1"

    def __init__(self, data: str, events: int):
        self.events = (
            polars.read_parquet(data)
            .sort("TX_DATETIME", "TRANSACTION_ID")
            .head(events)
            .select(
                polars.col("TX_DATETIME").dt.epoch("s").alias("t"),
                polars.col("CUSTOMER_ID").alias("customer"),
                polars.col("TERMINAL_ID").alias("terminal"),
                polars.col("TX_AMOUNT_CENTS").alias("amount"),
                polars.col("TX_FRAUD").alias("fraud"),
            )
            .rechunk()
        )

    def sums(self) -> list[float]:
        features = []
        for width in WINDOWS.values():
            customer = {"period": f"{width}i"}
            terminal = {"period": f"{width}i", "offset": f"-{DELAY + width}i"}
            features += [
                polars.len().rolling("t", **customer).over("customer"),
                polars.col("amount").mean().rolling("t", **customer).over("customer"),
                polars.len().rolling("t", **terminal).over("terminal"),
                polars.col("fraud").mean().rolling("t", **terminal).over("terminal").fill_null(0),
            ]
        named = [feature.alias(f"f{number}") for number, feature in enumerate(features)]
        return [float(cell) for cell in self.events.lazy().select(named).sum().collect(engine="streaming").row(0)]


def riskflow(binary: str, pipeline: str, data: str, events: int) -> tuple[int, float]:
    """Events, and CPU-seconds by the program's own measure of its thread: as here, without reading the file."""
    # Fewer keys for the recovery, which it times as well and nobody asks for here.
    command = [binary, "bench", "features", "--pipeline", pipeline, "--data", data, "--events", str(events), "--keys", "1000", "--json"]
    measured = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return measured["events"], measured["events"] / measured["events_per_core_second"]


def same(left: list[float], right: list[float]) -> bool:
    return all(abs(one - other) <= TOLERANCE * abs(other) for one, other in zip(left, right, strict=True))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="the Handbook's transactions, as Parquet")
    parser.add_argument("--events", type=int, default=1_000_000, help="how many of the first events (default: %(default)s)")
    parser.add_argument("--riskflow", metavar="BINARY", help="the program, built for release; without it, only the others are measured")
    parser.add_argument("--pipeline", default="pipelines/card_fraud_handbook.toml", help="its pipeline file (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object an engine")
    arguments = parser.parse_args()

    data = os.path.abspath(arguments.data)
    rows = polars.scan_parquet(data).select(polars.len()).collect().item()
    events = min(arguments.events, rows)
    engines = [engine(data, events) for engine in (Polars, Clickhouse, Duckdb)]
    settings = {engine.name: f"{engine.version}, {engine.setting}" for engine in engines}
    spent: dict[str, list[float]] = {engine.name: [] for engine in engines}
    if arguments.riskflow:
        settings["riskflow"], spent["riskflow"] = "one thread", []
    expected = None
    for _ in range(REPEATS):
        for engine in engines:
            before = cpu_seconds()
            sums = engine.sums()
            spent[engine.name].append(cpu_seconds() - before)
            expected = expected or sums
            if not same(sums, expected):
                print(f"{engine.name} computes {sums}, {engines[0].name} {expected}", file=sys.stderr)
                return 1
        if arguments.riskflow:
            seen, seconds = riskflow(arguments.riskflow, arguments.pipeline, data, events)
            if seen != events:
                print(f"riskflow saw {seen} of {events} events", file=sys.stderr)
                return 1
            spent["riskflow"].append(seconds)

    medians = {name: statistics.median(seconds) for name, seconds in spent.items()}
    ours = medians.get("riskflow")
    if not arguments.json:
        print(f"{'engine':<19}{'events':>10}{'CPU seconds':>13}{'events a CPU-second':>21}{'to riskflow':>13}  setting")
    for name, seconds in medians.items():
        rate = events / seconds
        # How many events it gets through while riskflow gets through one.
        ratio = ours / seconds if ours else None
        if arguments.json:
            line = {"engine": name, "setting": settings[name], "events": events, "cpu_seconds": seconds}
            print(json.dumps(line | {"events_per_cpu_second": rate, "ratio_to_riskflow": ratio}))
        else:
            shown = f"{ratio:.2f}" if ratio else "-"
            print(f"{name:<19}{events:>10,}{seconds:>13.3f}{rate:>21,.0f}{shown:>13}  {settings[name]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
