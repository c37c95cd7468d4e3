"""An agent made with the Python SDK 1.x on FastAPI: `python agent_1.py PORT [compat]`.

It has JSON-RPC and HTTP+JSON at sub-paths. With `compat` it also speaks 0.3 at the same addresses, and its card has both shapes.
"""

import sys

import uvicorn
from a2a.helpers.proto_helpers import new_task_from_user_message, new_text_message, new_text_part
from a2a.server.agent_execution import AgentExecutor
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes, create_rest_routes
from a2a.server.tasks import InMemoryTaskStore, TaskUpdater
from a2a.types import AgentCapabilities, AgentCard, AgentInterface, AgentSkill
from starlette.applications import Starlette

port, compat = int(sys.argv[1]), sys.argv[2:] == ['compat']


class Echo(AgentExecutor):
    async def execute(self, context, event_queue):
        text = context.get_user_input()
        if text != 'task':
            await event_queue.enqueue_event(new_text_message(f'You said: {text}'))
            return
        task = new_task_from_user_message(context.message)
        await event_queue.enqueue_event(task)
        updater = TaskUpdater(event_queue, task.id, task.context_id)
        await updater.start_work()
        await updater.add_artifact([new_text_part('one'), new_text_part('zwei ü')])
        await updater.complete()

    async def cancel(self, context, event_queue):
        raise Exception('cancel is not supported')


def interface(binding, path, version):
    return AgentInterface(protocol_binding=binding, url=f'http://127.0.0.1:{port}{path}', protocol_version=version)


interfaces = [interface('JSONRPC', '/rpc', '1.0'), interface('HTTP+JSON', '/rest', '1.0')]
if compat:
    interfaces += [interface('JSONRPC', '/rpc', '0.3'), interface('HTTP+JSON', '/rest', '0.3')]
card = AgentCard(
    name='python 1.x',
    description='made with the Python SDK',
    version='1.0.0',
    supported_interfaces=interfaces,
    default_input_modes=['text/plain'],
    default_output_modes=['text/plain'],
    capabilities=AgentCapabilities(streaming=True),
    skills=[AgentSkill(id='echo', name='Echo', description='echoes', tags=['test'])],
)
handler = DefaultRequestHandler(agent_executor=Echo(), task_store=InMemoryTaskStore(), agent_card=card)
app = Starlette(
    routes=[
        *create_agent_card_routes(card),
        *create_jsonrpc_routes(handler, '/rpc', enable_v0_3_compat=compat),
        *create_rest_routes(handler, path_prefix='/rest', enable_v0_3_compat=compat),
    ]
)
uvicorn.run(app, host='127.0.0.1', port=port, log_level='error')
