"""What the Handbook's twelve window features cost in Polars, in the ClickHouse engine, in DuckDB and in riskflow, in one run.

Figures are CPU-seconds of the process, user and system, with one thread each; reading the file is not counted. Each engine answers with
sums over its features, which are held against each other: they may differ by the few rows that share a second with a later one.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys

os.environ["POLARS_MAX_THREADS"] = "1"

import chdb.session
import duckdb
import polars

DAY = 86_400
DELAY = 7 * DAY
WINDOWS = {"1d": DAY, "7d": 7 * DAY, "30d": 30 * DAY}
REPEATS = 3

COLUMNS = """TRANSACTION_ID AS id, {seconds} AS t, CUSTOMER_ID AS customer, TERMINAL_ID AS terminal,
             TX_AMOUNT_CENTS AS amount, TX_FRAUD AS fraud"""


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def in_sql() -> str:
    """The sums of all twelve features; the engine must compute each of them for each row."""
    parts = []
    for width in WINDOWS.values():
        customer = f"OVER (PARTITION BY customer ORDER BY t RANGE BETWEEN {width - 1} PRECEDING AND CURRENT ROW)"
        terminal = f"OVER (PARTITION BY terminal ORDER BY t RANGE BETWEEN {DELAY + width - 1} PRECEDING AND {DELAY} PRECEDING)"
        parts += [f"count(*) {customer}", f"avg(amount) {customer}", f"count(*) {terminal}", f"coalesce(avg(fraud) {terminal}, 0)"]
    named = ", ".join(f"{part} AS f{number}" for number, part in enumerate(parts))
    sums = ", ".join(f"sum(f{number})" for number in range(len(parts)))
    return f"SELECT {sums} FROM (SELECT {named} FROM events)"


class Duckdb:
    name = "DuckDB"

    def __init__(self, data: str, events: int):
        self.database = duckdb.connect(config={"threads": 1})
        columns = COLUMNS.format(seconds="epoch(TX_DATETIME)::BIGINT")
        self.database.execute(f"CREATE TABLE events AS SELECT {columns} FROM read_parquet('{data}') ORDER BY t, id LIMIT {events}")

    def run(self) -> list[float]:
        return list(self.database.execute(in_sql()).fetchone())


class Clickhouse:
    name = "ClickHouse engine"

    def __init__(self, data: str, events: int):
        self.session = chdb.session.Session()
        columns = COLUMNS.format(seconds="toInt64(toUnixTimestamp(TX_DATETIME))")
        self.session.query("CREATE DATABASE IF NOT EXISTS peers")
        self.session.query(
            f"CREATE TABLE peers.events ENGINE = Memory AS SELECT {columns} FROM file('{data}', Parquet) ORDER BY t, id LIMIT {events}"
        )

    def run(self) -> list[float]:
        query = in_sql().replace("FROM events", "FROM peers.events").replace("coalesce(", "ifNotFinite(")
        answer = self.session.query(f"{query} SETTINGS max_threads = 1", "JSONCompact")
        return [float(cell) for cell in json.loads(str(answer))["data"][0]]


class Polars:
    name = "Polars"

    def __init__(self, data: str, events: int):
        frame = polars.read_parquet(data).sort("TX_DATETIME", "TRANSACTION_ID").head(events)
        self.events = frame.select(
            polars.col("TX_DATETIME").dt.epoch("s").alias("t"),
            polars.col("CUSTOMER_ID").alias("customer"),
            polars.col("TERMINAL_ID").alias("terminal"),
            polars.col("TX_AMOUNT_CENTS").alias("amount"),
            polars.col("TX_FRAUD").cast(polars.Float64).alias("fraud"),
        )

    def run(self) -> list[float]:
        sums = []
        # Rolling groups want the rows of a key together; both orders are made once.
        customers, terminals = self.events.sort("customer", "t"), self.events.sort("terminal", "t")
        for width in WINDOWS.values():
            customer = customers.rolling("t", period=f"{width}i", group_by="customer").agg(
                polars.len().alias("count"), polars.col("amount").mean().alias("mean")
            )
            terminal = terminals.rolling("t", period=f"{width}i", offset=f"-{DELAY + width}i", group_by="terminal").agg(
                polars.len().alias("count"), polars.col("fraud").mean().fill_null(0).alias("rate")
            )
            sums += [customer["count"].sum(), customer["mean"].sum(), terminal["count"].sum(), terminal["rate"].sum()]
        return [float(total) for total in sums]


def riskflow(binary: str, pipeline: str, data: str, events: int) -> float:
    """Events a core-second, by the program's own measure of its thread's CPU time."""
    command = [binary, "bench", "features", "--pipeline", pipeline, "--data", data, "--events", str(events), "--keys", "1000", "--json"]
    answer = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return answer["events_per_core_second"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="the Handbook's transactions, as Parquet")
    parser.add_argument("--events", type=int, default=1_000_000, help="how many of the first events")
    parser.add_argument("--riskflow", help="the program, built for release")
    parser.add_argument("--pipeline", default="pipelines/card_fraud_handbook.toml", help="its pipeline file")
    parser.add_argument("--json", action="store_true", help="print one JSON object an engine")
    arguments = parser.parse_args()

    engines = [engine(os.path.abspath(arguments.data), arguments.events) for engine in (Polars, Clickhouse, Duckdb)]
    spent: dict[str, list[float]] = {engine.name: [] for engine in engines}
    ours: list[float] = []
    answers: dict[str, list[float]] = {}
    for _ in range(REPEATS):
        for engine in engines:
            before = cpu_seconds()
            answers[engine.name] = engine.run()
            spent[engine.name].append(cpu_seconds() - before)
        if arguments.riskflow:
            rate = riskflow(arguments.riskflow, arguments.pipeline, arguments.data, arguments.events)
            ours.append(arguments.events / rate)
    first = next(iter(answers.values()))
    for name, answer in answers.items():
        if any(abs(mine - other) > 2e-3 * abs(other) for mine, other in zip(answer, first)):
            print(f"{name} does not compute the same: {answer} and {first}", file=sys.stderr)
            return 1
    if ours:
        spent = {"riskflow": ours, **spent}
    base = statistics.median(ours) if ours else None
    if not arguments.json:
        print(f"{'engine':<20}{'CPU seconds':>12}{'events a CPU-second':>22}{'times riskflow':>16}")
    for name, seconds in spent.items():
        median = statistics.median(seconds)
        ratio = median / base if base else None
        if arguments.json:
            line = {"engine": name, "events": arguments.events, "cpu_seconds": median, "cpu_seconds_to_riskflow": ratio}
            print(json.dumps(line))
        else:
            times = f"{ratio:.1f}" if ratio else ""
            print(f"{name:<20}{median:>12.2f}{arguments.events / median:>22,.0f}{times:>16}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
