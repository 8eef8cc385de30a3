"""Asks a running server what its OpenAPI document says it takes, and much that it does not: no answer may be a 5xx, or one that
the document does not know. Ends with 1 and says which call it was, where one is."""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,unsupported_method,ignored_auth"
# These take the key away that the others are asked with, so they are asked last, for a few seconds.
KEYS, KEYS_SECONDS = "^/v1/keys/", 6
LISTS = '\n[[lists]]\nname = "stolen_cards"\nkind = "block"\nof = "customer"\n'
SMALL_WORLD = ["--customers", "250", "--terminals", "400", "--days", "45", "--port", "0"]


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--riskflow", required=True, type=pathlib.Path, help="the program")
    arguments.add_argument("--pipeline", required=True, type=pathlib.Path, help="the pipeline file of the demo's data")
    arguments.add_argument("--seconds", type=int, default=45, help="how long it asks [default: 45]")
    arguments.add_argument("--seed", type=int, default=1, help="what its chance begins with [default: 1]")
    asked = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(check(asked, pathlib.Path(folder)))


def check(asked, folder):
    riskflow = str(asked.riskflow.resolve())
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RISKFLOW_")}
    environment = {**clean, "RISKFLOW_DATA": str(folder / "data")}
    pipeline = folder / "pipeline.toml"
    pipeline.write_text(asked.pipeline.read_text() + LISTS)

    def said_by(*command):
        return subprocess.run([riskflow, *command], env=environment, check=True, capture_output=True, text=True)

    # A history with a champion, so that every route has something to say.
    said_by("demo", "--once", "--json", "--data-dir", str(folder / "data"), *SMALL_WORLD)
    key = said_by("key", "add", "--name", "all", "--scopes", "admin")
    secret = re.search(r"rf_[0-9a-f]{64}", key.stdout + key.stderr).group()

    command = [riskflow, "run", "--pipeline", str(pipeline), "--listen", "127.0.0.1:0"]
    server = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        url = listening(server)
        # Somebody has to read on, or the server blocks when the pipe is full.
        threading.Thread(target=server.stderr.read, daemon=True).start()
        schemathesis = pathlib.Path(sys.executable).with_name("schemathesis")
        run = [str(schemathesis), "run", f"{url}/openapi.json", "--header", f"Authorization: Bearer {secret}"]
        # Following links from answer to answer is left out: those that it makes up between changes and rules are none.
        run += ["--phases", "examples,coverage,fuzzing", "--checks", CHECKS, "--seed", str(asked.seed)]
        run += ["--continue-on-failure", "--generation-database", "none"]
        found = 0
        for which, seconds in (("--exclude-path-regex", asked.seconds - KEYS_SECONDS), ("--include-path-regex", KEYS_SECONDS)):
            found |= subprocess.run([*run, which, KEYS, "--max-time", str(seconds)], cwd=folder).returncode
    finally:
        server.terminate()
        ended = server.wait(timeout=30)
    if ended != 0:
        print(f"the server ended with {ended}", file=sys.stderr)
    return 1 if found or ended else 0


def listening(server):
    for line in server.stderr:
        if line.startswith("riskflow listens on "):
            return line.split()[-1]
    sys.exit("the server ended before it listened")


if __name__ == "__main__":
    main()
