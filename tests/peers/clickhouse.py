"""The ClickHouse engine behind HTTP, as far as riskflow's client asks: what the tests of the `clickhouse://` warehouse run against.

It is the engine itself (chdb, the server's own code as a library) in one session, one statement after the other. It prints its port, and
ends when its standard input does, so that it does not outlive the test that started it.

It knows two clusters whose shards are all itself: `one` has one, and `two` has two, which therefore hold the same rows, each of them
found twice. It has no Keeper: what is to be done on a cluster it does, and replicated tables are plain ones.
"""

import argparse
import contextlib
import email
import os
import re
import ssl
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from chdb.session import Session

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("--port", type=int, default=0, help="0 for a free one")
arguments.add_argument("--path", help="where the tables are kept; without it they go with the process")
arguments.add_argument("--user", default="riskflow")
arguments.add_argument("--password", default="secret")
arguments.add_argument("--certificate", help="speak TLS with it, PEM")
arguments.add_argument("--key", help="the certificate's key, PEM")
arguments = arguments.parse_args()

SHARD = "<shard><replica><host>127.0.0.1</host><port>9000</port></replica></shard>"
CONFIG = f"""<clickhouse>
    <logger><level>none</level></logger>
    <tcp_port>9000</tcp_port>
    <remote_servers><one>{SHARD}</one><two>{SHARD * 2}</two></remote_servers>
</clickhouse>"""

with tempfile.NamedTemporaryFile("w", suffix=".xml") as config:
    config.write(CONFIG)
    config.flush()
    session = Session(f"{arguments.path or ':memory:'}?config-file={config.name}")
    session.query("SELECT 1")
one_at_a_time = threading.Lock()


def alone(sql):
    """The statement as one server without a Keeper takes it."""
    sql = re.sub(r" ON CLUSTER \w+", "", sql)
    sql = re.sub(r"ENGINE = Replicated(\w+)\('[^']*', '[^']*'(?:, )?", r"ENGINE = \1(", sql)
    return sql.replace(" replicated_deduplication_window", " non_replicated_deduplication_window")


class Refused(Exception):
    """A refusal that the server words and the engine does not."""


def run(settings, sql, data):
    """The engine's answer; `data` are the rows of an INSERT, in the format that it names."""
    name = settings.pop("database", "default").replace("`", "")
    form = settings.pop("default_format", "TabSeparated")
    parameters = {name[6:]: settings.pop(name) for name in list(settings) if name.startswith("param_")}
    with one_at_a_time, contextlib.ExitStack() as undo:
        session.query(f"USE `{name}`")
        for setting, value in settings.items():
            escaped = value.replace("\\", "\\\\").replace("'", "\\'")
            session.query(f"SET {setting} = '{escaped}'")
            undo.callback(session.query, f"SET {setting} = DEFAULT")
        if data:
            # The engine reads rows out of files; this one is in memory.
            rows = undo.enter_context(tempfile.NamedTemporaryFile(dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
            rows.write(data)
            rows.flush()
            into, _, of_rows = sql.rpartition(" FORMAT ")
            sql = f"{into} FROM INFILE '{rows.name}' FORMAT {of_rows}"
        return session.query(sql, form, params=parameters).bytes()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.body()
        try:
            if (self.headers.get("X-ClickHouse-User"), self.headers.get("X-ClickHouse-Key")) != (arguments.user, arguments.password):
                raise Refused("Code: 516. DB::Exception: Authentication failed: password is incorrect. (AUTHENTICATION_FAILED)")
            settings = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
            kind = self.headers.get("Content-Type", "")
            if kind.startswith("multipart/form-data"):
                form = email.message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
                field = lambda part: part.get_param("name", header="Content-Disposition")
                settings |= {field(part): part.get_payload(decode=True).decode() for part in form.get_payload()}
                body = b""
            if sql := settings.pop("query", None):
                self.answer(200, run(settings, alone(sql), body))
            else:
                self.answer(200, run(settings, alone(body.decode()), b""))
        except Exception as error:  # whatever the engine says is the answer
            self.answer(500, str(error).encode())

    def body(self):
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def answer(self, status, body):
        self.send_response(status)
        if status != 200:
            self.send_header("X-ClickHouse-Exception-Code", body.decode(errors="replace").partition("Code: ")[2].partition(".")[0] or "1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", arguments.port), Handler)
server.daemon_threads = True
if arguments.certificate:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(arguments.certificate, arguments.key)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, flush=True)
sys.stdin.read()
os._exit(0)
