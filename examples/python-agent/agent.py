"""A small agent: it remembers on the disk of its workspace. Replace `answer` with what your agent does.

It speaks A2A 0.3 over JSON-RPC (`message/send` and `message/stream`) with the standard library only.
"""

import hmac
import json
import os
import signal
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import workspace

CARD = {
    "protocolVersion": "0.3.0",
    "name": os.environ.get("AGENT_NAME", "python-agent"),
    "description": "Remembers what it is told.",
    "version": "1.0.0",
    "url": workspace.PUBLIC_URL,
    "preferredTransport": "JSONRPC",
    "capabilities": {"streaming": True, "pushNotifications": False},
    "defaultInputModes": ["text/plain"],
    "defaultOutputModes": ["text/plain"],
    "skills": [{"id": "memory", "name": "Memory", "description": "Remembers lines of text.", "tags": ["memory"]}],
}
CARD_PATHS = ("/.well-known/agent-card.json", "/.well-known/agent.json")
MAX_BODY_BYTES = 10_000_000

work = workspace.Work()
memory_lock = threading.Lock()


def answer(text: str) -> Iterator[str]:
    """Yields the answer to one message in pieces. `message/stream` sends each piece as soon as it is there."""
    notes = workspace.DISK / "notes.txt"
    if text.lower().startswith("remember "):
        with memory_lock:
            notes.parent.mkdir(parents=True, exist_ok=True)
            with notes.open("a") as file:
                file.write(text[len("remember ") :].strip().replace("\n", " ") + "\n")
        yield "I will remember it."
    elif text.lower().startswith("what do you remember"):
        lines = notes.read_text().splitlines() if notes.exists() else []
        yield "I remember: " if lines else "I remember nothing."
        for index, line in enumerate(lines):
            yield ("; " if index else "") + line
    else:
        yield f"You said: {text}"


class BadRequest(Exception):
    """A JSON-RPC error: its code and its message."""


def text_of(params: object) -> str:
    """The text of a message. Parts that are no text are left out."""
    try:
        parts = params["message"]["parts"]
        texts = [part["text"] for part in parts if isinstance(part.get("text"), str)]
    except (TypeError, KeyError, AttributeError) as error:
        raise BadRequest(-32602, "params.message.parts is missing") from error
    return "".join(texts).strip()


def message(text: str, context_id: str) -> dict[str, object]:
    return {
        "kind": "message",
        "role": "agent",
        "messageId": str(uuid.uuid4()),
        "contextId": context_id,
        "parts": [{"kind": "text", "text": text}],
    }


def events(text: str, context_id: str) -> Iterator[dict[str, object]]:
    """The answer as a task: its beginning, one piece of an artifact at a time, its end."""
    ids = {"taskId": str(uuid.uuid4()), "contextId": context_id}
    yield {"kind": "task", "id": ids["taskId"], "contextId": context_id, "status": {"state": "working"}}
    for index, piece in enumerate(answer(text)):
        artifact = {"artifactId": "answer", "parts": [{"kind": "text", "text": piece}]}
        yield {"kind": "artifact-update", **ids, "artifact": artifact, "append": index > 0}
    yield {"kind": "status-update", **ids, "status": {"state": "completed"}, "final": True}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path in CARD_PATHS:
            self.send_json(200, CARD)
        else:
            self.send_json(404, {"error": "not found"})

    def do_POST(self) -> None:
        # A machine's app may have public addresses: without this check anyone could talk to the agent.
        secret = workspace.inbound_secret()
        given = self.headers.get("Authorization", "")
        if secret and not hmac.compare_digest(given.encode(), f"Bearer {secret}".encode()):
            self.send_json(401, {"error": "unauthorized"})
            return
        call_id = None
        error = ""
        work.begin()
        try:
            call = json.loads(self.read_body())
            if not isinstance(call, dict):
                raise BadRequest(-32600, "the body must be a JSON object")
            call_id = call.get("id")
            self.serve(call, call_id)
        except json.JSONDecodeError:
            self.send_error_of(None, -32700, "the body is no JSON")
        except BadRequest as bad:
            self.send_error_of(call_id, *bad.args)
        except ConnectionError:
            pass  # The caller has gone.
        except Exception as failure:  # An answer that fails must not end the agent.
            error = repr(failure)
            workspace.log(f"error: {error}")
            self.send_error_of(call_id, -32603, "the agent failed")
        finally:
            work.end(error)

    def serve(self, call: dict[str, object], call_id: object) -> None:
        method = call.get("method")
        if method not in ("message/send", "message/stream"):
            raise BadRequest(-32601, f"unknown method {method}")
        text = text_of(call.get("params"))
        context_id = call["params"]["message"].get("contextId") or str(uuid.uuid4())
        if method == "message/send":
            result = message("".join(answer(text)), context_id)
            self.send_json(200, {"jsonrpc": "2.0", "id": call_id, "result": result})
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-cache")
        self.end_headers()
        for event in events(text, context_id):
            data = json.dumps({"jsonrpc": "2.0", "id": call_id, "result": event})
            self.wfile.write(f"data: {data}\n\n".encode())
            self.wfile.flush()

    def read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(min(int(self.headers.get("Content-Length", 0)), MAX_BODY_BYTES))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
            if len(body) > MAX_BODY_BYTES:
                raise BadRequest(-32600, "the body is too large")
        return body

    def send_error_of(self, call_id: object, code: int, text: str) -> None:
        self.send_json(200, {"jsonrpc": "2.0", "id": call_id, "error": {"code": code, "message": text}})

    def send_json(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """The platform's checks would fill the log."""


def main() -> None:
    # 0.0.0.0: a program that listens on 127.0.0.1 cannot be reached from outside its machine.
    server = ThreadingHTTPServer(("0.0.0.0", workspace.PORT), Handler)
    server.daemon_threads = False
    stopping = threading.Event()

    def stop(*_: object) -> None:
        stopping.set()
        # `shutdown` waits for the loop below, which this signal has interrupted.
        threading.Thread(target=server.shutdown).start()

    # Fly stops a machine with SIGINT, Docker with SIGTERM.
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    for task in (lambda: workspace.register(CARD), lambda: workspace.send_heartbeats(work, stopping)):
        threading.Thread(target=task, daemon=True).start()
    workspace.log(f"listening on port {workspace.PORT}")
    server.serve_forever(poll_interval=0.1)
    # Waits for the messages that are being answered.
    server.server_close()
    workspace.log("stopped")


if __name__ == "__main__":
    main()
