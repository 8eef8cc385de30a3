"""Receives webhooks as somebody else's program would, with Python's own hmac: says its port, then for each request one line of JSON."""

import base64
import hashlib
import hmac
import http.server
import json
import sys

KEY = base64.b64decode(sys.argv[1].removeprefix("whsec_"))


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + body
        expect = "v1," + base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
        given = self.headers["webhook-signature"].split(" ")
        is_valid = any(hmac.compare_digest(expect, each) for each in given)
        print(json.dumps({"valid": is_valid, "id": self.headers["webhook-id"], "body": json.loads(body)}), flush=True)
        self.send_response(204 if is_valid else 401)
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
print(server.server_port, flush=True)
server.serve_forever()
