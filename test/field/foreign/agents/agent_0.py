"""An agent made with the Python SDK of the 0.x line, as its users write it: `python agent_0.py PORT MOUNT`.

MOUNT is a path such as /a2a/echo: the agent is then a sub-application of FastAPI, with its card also at the root, and its address in the
card ends in a slash. Without it the agent is the whole server. The SDK 0.2 serves its card at /.well-known/agent.json only.
"""

import sys

import uvicorn
from a2a.server.agent_execution import AgentExecutor
from a2a.server.apps import A2AStarletteApplication
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.tasks import InMemoryTaskStore, TaskUpdater
from a2a.types import AgentCapabilities, AgentCard, AgentSkill, Part, TextPart
from a2a.utils import new_agent_text_message, new_task
from fastapi import FastAPI
from fastapi.responses import JSONResponse

port, mount = int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else ''


class Echo(AgentExecutor):
    async def execute(self, context, event_queue):
        text = context.get_user_input()
        if text != 'task':
            await event_queue.enqueue_event(new_agent_text_message(f'You said: {text}'))
            return
        task = new_task(context.message)
        await event_queue.enqueue_event(task)
        updater = TaskUpdater(event_queue, task.id, getattr(task, 'context_id', None) or task.contextId)
        await updater.start_work()
        await updater.add_artifact([Part(root=TextPart(text='one')), Part(root=TextPart(text='zwei ü'))])
        await updater.complete()

    async def cancel(self, context, event_queue):
        raise Exception('cancel is not supported')


card = AgentCard(
    name='python 0.x',
    description='made with the Python SDK',
    url=f'http://127.0.0.1:{port}{mount}/',
    version='1.0.0',
    default_input_modes=['text'],
    default_output_modes=['text'],
    defaultInputModes=['text'],
    defaultOutputModes=['text'],
    capabilities=AgentCapabilities(streaming=True),
    skills=[AgentSkill(id='echo', name='Echo', description='echoes', tags=['test'])],
)
handler = DefaultRequestHandler(agent_executor=Echo(), task_store=InMemoryTaskStore())
agent = A2AStarletteApplication(agent_card=card, http_handler=handler).build()
if mount:
    app = FastAPI()
    app.mount(mount, agent)

    @app.get('/.well-known/agent-card.json')
    def root_card():
        return JSONResponse(card.model_dump(by_alias=True, exclude_none=True, mode='json'))
else:
    app = agent
uvicorn.run(app, host='127.0.0.1', port=port, log_level='error')
