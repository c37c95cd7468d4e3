"""The client of python-a2a: `python client_python_a2a.py BASE TOKEN`, prints what it received as one line of JSON."""

import json
import sys

from python_a2a import A2AClient

base, token = sys.argv[1], sys.argv[2]
client = A2AClient(base, headers={'Authorization': f'Bearer {token}'} if token else {})
sent = client.ask('hello')
if sent.startswith('Error:'):
    sys.exit(sent)
print(json.dumps({'name': client.agent_card.name, 'sent': sent}))
