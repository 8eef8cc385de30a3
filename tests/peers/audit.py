"""Checks an audit chain with nothing but Python: each line's hash, that each follows the one before it, and how many there are. Prints the head."""

import hashlib
import json
import pathlib
import sys

previous, count = "0" * 64, 0
for line in pathlib.Path(sys.argv[1]).read_text().splitlines():
    body, hash_ = line.removesuffix('"}').rsplit(',"hash":"', 1)
    body += "}"
    entry, count = json.loads(body), count + 1
    assert hashlib.sha256(body.encode()).hexdigest() == hash_, f"entry {count} was changed"
    assert (entry["sequence"], entry["previous"]) == (count, previous), f"entry {count} does not follow the one before it"
    previous = hash_
print(count, previous)
