"""Receives events of the control plane as signed webhooks (https://www.standardwebhooks.com) and prints them.

It needs the standard library only. Replace `handle` with what should happen.
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WEBHOOK_SECRET = os.environ.get("WEBHOOK_SECRET") or sys.exit("WEBHOOK_SECRET is missing: the secret of the endpoint, whsec_…")
SECRET = base64.b64decode(WEBHOOK_SECRET.removeprefix("whsec_"))
TOLERANCE_SECONDS = 5 * 60
MAX_BODY_BYTES = 1_000_000

# A delivery whose answer was lost comes again with the same id.
done: set[str] = set()


def handle(event: dict) -> None:
    """When it raises, the event is sent again later."""
    data = event["data"]
    print(event["timestamp"], event["type"], data["workspace_id"] or "-", json.dumps(data["payload"]), flush=True)


def is_valid(headers, body: bytes) -> bool:
    """Whether one of the signatures is that of our secret, and the attempt is recent."""
    identifier, sent_at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not sent_at.isdigit() or abs(time.time() - int(sent_at)) > TOLERANCE_SECONDS:
        return False
    signed = f"{identifier}.{sent_at}.".encode() + body
    expected = base64.b64encode(hmac.new(SECRET, signed, hashlib.sha256).digest()).decode()
    # While a secret is rotated there are two signatures.
    signatures = headers.get("webhook-signature", "").split()
    return any(hmac.compare_digest(f"v1,{expected}", one) for one in signatures)


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.send_response(self.receive())
        self.end_headers()

    def receive(self) -> int:
        length = int(self.headers.get("Content-Length", 0))
        if length > MAX_BODY_BYTES:
            return 413
        # Over the body as it was sent: parsed and written anew it would have another signature.
        body = self.rfile.read(length)
        if not is_valid(self.headers, body):
            return 401
        identifier = self.headers["webhook-id"]
        if identifier in done:
            return 204
        try:
            handle(json.loads(body))
        except Exception as error:  # Any failure must lead to another attempt.
            print(f"error: {error!r}", flush=True)
            return 500
        done.add(identifier)
        return 204

    def log_message(self, *_: object) -> None:
        """`handle` prints what is worth it."""


if __name__ == "__main__":
    address = (os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "9000")))
    server = ThreadingHTTPServer(address, Receiver)
    print("listening on %s:%d" % address, flush=True)
    server.serve_forever()
