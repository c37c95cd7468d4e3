"""The agent's side of its workspace: what the platform tells it, and what it tells the platform.

It needs the standard library only, and it does not depend on how the agent speaks A2A: with another server, such as the one of
the a2a-sdk package, this file stays as it is.
"""

import json
import os
import pathlib
import threading
import time
import urllib.error
import urllib.request

# In a machine these are /configs and /workspace. They come from the environment, so that the agent also runs elsewhere.
CONFIGS = pathlib.Path(os.environ.get("CONFIGS_DIR", "/configs"))
DISK = pathlib.Path(os.environ.get("WORKSPACE_DISK_PATH", "/workspace"))
# A machine's service expects the agent at 8000. The emulator gives each agent a port of its own in PORT.
PORT = int(os.environ.get("PORT", "8000"))
WORKSPACE_ID = os.environ["WORKSPACE_ID"]
PLATFORM_URL = os.environ["PLATFORM_URL"].rstrip("/")
# The address at which others reach this agent: through the platform.
PUBLIC_URL = os.environ.get("MOLECULE_WORKSPACE_URL", f"http://localhost:{PORT}")

HEARTBEAT_SECONDS = 30
REGISTER_TRIES = 8


def log(text: str) -> None:
    """Prints a line that appears in the workspace's log at once."""
    print(text, flush=True)


def inbound_secret() -> str | None:
    """The secret with which the platform's requests to this agent are signed as `Authorization: Bearer …`."""
    return _read(CONFIGS / ".platform_inbound_secret")


class Work:
    """What the agent does at the moment. Heartbeats report it, and the platform does not stop a busy agent."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._active = 0
        self._requests = 0
        self._errors = 0
        self._sample_error = ""

    def begin(self) -> None:
        with self._lock:
            self._active += 1
            self._requests += 1

    def end(self, error: str = "") -> None:
        with self._lock:
            self._active -= 1
            if error:
                self._errors += 1
                self._sample_error = error

    def report(self) -> dict[str, object]:
        with self._lock:
            report = {
                "active_tasks": self._active,
                "error_rate": self._errors / self._requests if self._requests else 0,
                "sample_error": self._sample_error,
            }
            self._requests = self._errors = 0
            self._sample_error = ""
            return report


def register(card: dict[str, object]) -> None:
    """Tells the platform that the agent is there. A platform that is away for a while is asked again."""
    for attempt in range(REGISTER_TRIES):
        try:
            answer = _post("/registry/register", {"id": WORKSPACE_ID, "url": PUBLIC_URL, "agent_card": card})
        except urllib.error.HTTPError as error:
            log(f"register: {error.code} {error.read().decode(errors='replace')}")
            if error.code < 500:
                return
        except OSError as error:
            log(f"register: {error}")
        else:
            _keep(CONFIGS / ".auth_token", answer.get("auth_token"))
            _keep(CONFIGS / ".platform_inbound_secret", answer.get("platform_inbound_secret"))
            log("registered")
            return
        time.sleep(min(2**attempt, 30))


def send_heartbeats(work: Work, stopping: threading.Event) -> None:
    """Sends a heartbeat at once and then every 30 seconds, until the agent stops."""
    started = time.monotonic()
    while not stopping.is_set():
        beat = {"workspace_id": WORKSPACE_ID, "uptime_seconds": int(time.monotonic() - started), **work.report()}
        try:
            _post("/registry/heartbeat", beat)
        except OSError as error:
            log(f"heartbeat: {error}")
        stopping.wait(HEARTBEAT_SECONDS)


def _post(path: str, body: dict[str, object]) -> dict[str, object]:
    """@raises OSError, of which urllib.error.HTTPError is a kind"""
    headers = {"Content-Type": "application/json"}
    # Read for every call: the platform may have given a new token.
    token = _read(CONFIGS / ".auth_token") or os.environ.get("MOLECULE_WORKSPACE_TOKEN")
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(PLATFORM_URL + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


def _read(path: pathlib.Path) -> str | None:
    try:
        return path.read_text().strip() or None
    except FileNotFoundError:
        return None


def _keep(path: pathlib.Path, secret: object) -> None:
    if isinstance(secret, str):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(secret)
        path.chmod(0o600)
