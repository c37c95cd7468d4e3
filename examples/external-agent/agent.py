"""An agent that runs anywhere: it fetches its messages, so nothing needs to reach it. Replace `answer` with what yours does.

Standard library only. SERVER_URL, WORKSPACE_ID and WORKSPACE_TOKEN say whose messages it answers.
"""

import json
import os
import sys
import threading
import time
import urllib.error
import urllib.request

SERVER = os.environ.get("SERVER_URL", "http://localhost:8080").rstrip("/")
WORKSPACE = os.environ.get("WORKSPACE_ID") or sys.exit("WORKSPACE_ID is missing: README.md says how to set it")
TOKEN = os.environ.get("WORKSPACE_TOKEN") or sys.exit("WORKSPACE_TOKEN is missing: README.md says how to set it")
HEARTBEAT_SECONDS = 30
POLL_SECONDS = 1
CARD = {"name": "external-agent", "description": "Counts words, wherever it runs.", "version": "1.0.0"}


def answer(text: str) -> str:
    return f"{len(text.split())} words"


def call(method: str, path: str, body: object = None) -> object:
    """Calls the server. Raises urllib.error.HTTPError for a refusal, OSError where the server is not reached."""
    request = urllib.request.Request(
        SERVER + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)


def beat() -> None:
    while True:
        time.sleep(HEARTBEAT_SECONDS)
        try:
            call("POST", "/registry/heartbeat", {"workspace_id": WORKSPACE, "runtime_state": "ok"})
        except OSError as error:
            print(f"heartbeat: {error}", file=sys.stderr, flush=True)


def text_of(request: dict) -> str:
    parts = request["params"]["message"]["parts"]
    return "\n".join(part["text"] for part in parts if "text" in part)


def answer_all() -> None:
    """What is not answered comes again, so an agent that ended in the middle of its work begins anew."""
    for message in call("GET", f"/workspaces/{WORKSPACE}/activity?type=a2a_receive&limit=20"):
        try:
            said = {"text": answer(text_of(message["request_body"]))}
        except Exception as error:  # An agent that fails says so, and goes on with the next message.
            said = {"error": {"code": -32603, "message": str(error) or type(error).__name__}}
        try:
            call("POST", f"/workspaces/{WORKSPACE}/messages/{message['id']}/response", said)
        except urllib.error.HTTPError as refused:
            if refused.code not in (404, 409):  # It has expired meanwhile.
                raise


def main() -> None:
    try:
        call("POST", "/registry/register", {"id": WORKSPACE, "agent_card": CARD, "delivery_mode": "poll"})
    except urllib.error.HTTPError as refused:
        sys.exit(refused.read().decode())  # It says what is wrong.
    print("connected", flush=True)
    threading.Thread(target=beat, daemon=True).start()
    while True:
        try:
            answer_all()
        except urllib.error.HTTPError as refused:
            if refused.code in (401, 404):  # The token was revoked, or the workspace removed.
                sys.exit(str(refused))
            print(refused, file=sys.stderr, flush=True)
        except OSError as error:
            print(error, file=sys.stderr, flush=True)
        time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    main()
