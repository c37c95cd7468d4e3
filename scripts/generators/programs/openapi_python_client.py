"""What a user of openapi-python-client writes. It is checked by mypy and run by `npm run proof:generators`."""

import os
import uuid

import httpx

from generated import AuthenticatedClient
from generated.api.workspaces import create_workspace, get_workspace, list_workspaces, remove_workspace
from generated.models.create_workspace_body import CreateWorkspaceBody
from generated.models.problem import Problem
from generated.models.reason import Reason

client = AuthenticatedClient(base_url=os.environ["API_URL"], token=os.environ["API_TOKEN"], timeout=httpx.Timeout(60))

body = CreateWorkspaceBody.from_dict(
    {"name": "generated", "runtime": "hermes", "labels": {"by": "openapi-python-client"}}
)
created = create_workspace.sync(client=client, body=body, prefer="wait=30")
assert created is not None and not isinstance(created, Problem)
assert created.status == "ready", created.status

workspaces = list_workspaces.sync(client=client, label=["by=openapi-python-client"], limit=10)
assert isinstance(workspaces, list)
assert [workspace.id for workspace in workspaces] == [created.id]
reason: Reason | None = workspaces[0].reason
assert reason is None, reason

removed = remove_workspace.sync(str(created.id), client=client, prefer="wait=30")
assert removed is not None and not isinstance(removed, Problem)
assert removed.status == "removed", removed.status

unknown = get_workspace.sync(str(uuid.uuid4()), client=client)
assert isinstance(unknown, Problem)
assert unknown.code == "not_found", unknown.code
