"""The Fraud Detection Handbook's features, computed by DuckDB and compared with what `riskflow features materialize` wrote.

Windows are (t - w, t] on the time of the event. Of equal times a row sees those before it and not those after, in the order of the
ids; SQL's RANGE frames take all of them, so the later ones are taken away again. Windows with a delay end long before the row and hold no
such rows. Counts and calendar features must be equal, means (of cents) and rates to 1e-9.
"""

import argparse
import sys

import duckdb

DAY = 86_400
DELAY = 7 * DAY
WINDOWS = {"1d": DAY, "7d": 7 * DAY, "30d": 30 * DAY}
TOLERANCE = 1e-9


def expected() -> dict[str, str]:
    """The features by name, as SQL over the table `events`."""
    features = {
        "amount_minor": "amount",
        "weekend": "CASE WHEN isodow(moment) >= 6 THEN 1 ELSE 0 END",
        "night": "CASE WHEN hour(moment) <= 6 THEN 1 ELSE 0 END",
    }
    for name, width in WINDOWS.items():
        customer = f"OVER (PARTITION BY customer ORDER BY t RANGE BETWEEN {width - 1} PRECEDING AND CURRENT ROW)"
        count = f"(count(*) {customer} - later)"
        features[f"customer_tx_count_{name}"] = count
        features[f"customer_amount_mean_{name}"] = f"(sum(amount) {customer} - later_amount) / {count}"
        frame = f"RANGE BETWEEN {DELAY + width - 1} PRECEDING AND {DELAY} PRECEDING"
        terminal = f"OVER (PARTITION BY terminal ORDER BY t {frame})"
        features[f"terminal_tx_count_{name}"] = f"count(*) {terminal}"
        rate = f"CASE WHEN count(*) {terminal} > 0 THEN sum(fraud) {terminal} / count(*) {terminal} ELSE 0 END"
        features[f"terminal_fraud_rate_{name}"] = rate
    return features


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="the Handbook's transactions, as Parquet")
    parser.add_argument("--features", required=True, help="what `riskflow features materialize` made of them")
    arguments = parser.parse_args()

    database = duckdb.connect(config={"threads": 2})
    database.execute(
        """
        CREATE TABLE events AS
        WITH read AS (
            SELECT TRANSACTION_ID AS id, TX_DATETIME::TIMESTAMP AS moment, CUSTOMER_ID AS customer, TERMINAL_ID AS terminal,
                   TX_AMOUNT_CENTS::BIGINT AS amount, TX_FRAUD::BIGINT AS fraud
            FROM read_parquet(?)
        )
        SELECT *, epoch_us(moment) // 1000000 AS t,
               count(*) OVER same - row_number() OVER before AS later,
               sum(amount) OVER same - sum(amount) OVER before AS later_amount
        FROM read
        WINDOW same AS (PARTITION BY customer, moment),
               before AS (PARTITION BY customer, moment ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
        """,
        [arguments.data],
    )
    [(fractions,)] = database.execute("SELECT count(*) FROM events WHERE epoch_us(moment) % 1000000 <> 0").fetchall()
    if fractions:
        print(f"{fractions} times are no whole seconds: the frames above would be wrong", file=sys.stderr)
        return 1
    # An id that is not the plain decimal number, such as 5.0 or 005, becomes NULL and matches no event.
    found = "SELECT CASE WHEN event_id = TRY_CAST(event_id AS BIGINT)::VARCHAR THEN event_id::BIGINT END AS id, * FROM read_parquet(?)"
    database.execute(f"CREATE TABLE found AS {found}", [arguments.features])
    columns = {name for name, *_ in database.execute("DESCRIBE found").fetchall()}
    missing = [name for name in expected() if name not in columns]
    if missing:
        print(f"{arguments.features} lacks {', '.join(missing)}", file=sys.stderr)
        return 1
    [(rows, events, matched)] = database.execute(
        """
        SELECT (SELECT count(*) FROM found), (SELECT count(*) FROM events),
               (SELECT count(DISTINCT id) FROM found SEMI JOIN events USING (id))
        """
    ).fetchall()
    if not rows == events == matched:
        print(f"{events} events, but {rows} rows for {matched} of them", file=sys.stderr)
        return 1
    moved = database.execute(
        """
        SELECT id, moment, make_timestamp(epoch_us(occurred_at)) FROM events JOIN found USING (id)
        WHERE epoch_us(moment) IS DISTINCT FROM epoch_us(occurred_at) ORDER BY id LIMIT 1
        """
    ).fetchone()
    if moved:
        print("occurred_at: transaction {}, expected {}, found {}".format(*moved), file=sys.stderr)
        return 1

    wrong = False
    print(f"{'feature':<26}{'checked':>10}{'largest difference':>22}{'mismatches':>12}")
    for name, sql in expected().items():
        tolerance = TOLERANCE if "mean" in name or "rate" in name else 0
        compared = f"""
            SELECT id, wanted, {name} AS got, coalesce(abs(wanted - {name}), 'inf'::DOUBLE) AS difference
            FROM (SELECT id, ({sql})::DOUBLE AS wanted FROM events) JOIN found USING (id)
        """
        mismatch = f"FILTER (difference > {tolerance})"
        checked, largest, mismatches, first = database.execute(
            f"SELECT count(*), max(difference), count(*) {mismatch}, min(id) {mismatch} FROM ({compared})"
        ).fetchone()
        print(f"{name:<26}{checked:>10}{largest:>22.3g}{mismatches:>12}")
        if mismatches:
            wrong = True
            _, wanted, got, _ = database.execute(f"SELECT * FROM ({compared}) WHERE id = ?", [first]).fetchone()
            print(f"{name}: first at transaction {first}, expected {wanted!r}, found {got!r}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
