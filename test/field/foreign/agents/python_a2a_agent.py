"""An agent made with python-a2a, which is not the SDK: `python python_a2a_agent.py PORT`."""

import sys

from python_a2a import A2AServer, AgentCard, TaskState, TaskStatus, run_server

port = int(sys.argv[1])


class Echo(A2AServer):
    def handle_task(self, task):
        content = (task.message or {}).get('content') or {}
        parts = (task.message or {}).get('parts') or []
        text = content.get('text') or ''.join(part.get('text', '') for part in parts)
        task.artifacts = [{'parts': [{'type': 'text', 'text': f'You said: {text}'}]}]
        task.status = TaskStatus(state=TaskState.COMPLETED)
        return task


card = AgentCard(name='python-a2a', description='another make', url=f'http://127.0.0.1:{port}')
run_server(Echo(agent_card=card), host='127.0.0.1', port=port)
