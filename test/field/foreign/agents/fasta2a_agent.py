"""An agent made with fasta2a: `python fasta2a_agent.py PORT`. Every answer is a task."""

import sys
import uuid
from contextlib import asynccontextmanager

import uvicorn
from fasta2a import FastA2A, Worker
from fasta2a.broker import InMemoryBroker
from fasta2a.storage import InMemoryStorage

port = int(sys.argv[1])


class Echo(Worker):
    async def run_task(self, params):
        await self.storage.update_task(params['id'], state='working')
        text = ''.join(part.get('text', '') for part in params['message']['parts'])
        artifact = {'artifact_id': str(uuid.uuid4()), 'name': 'result', 'parts': [{'kind': 'text', 'text': f'You said: {text}'}]}
        await self.storage.update_task(params['id'], state='completed', new_artifacts=[artifact])

    async def cancel_task(self, params):
        pass

    def build_message_history(self, history):
        return history

    def build_artifacts(self, result):
        return []


storage, broker = InMemoryStorage(), InMemoryBroker()
worker = Echo(broker=broker, storage=storage)


@asynccontextmanager
async def lifespan(app):
    async with app.task_manager, worker.run():
        yield


app = FastA2A(
    storage=storage, broker=broker, name='fasta2a', url=f'http://127.0.0.1:{port}', lifespan=lifespan
)
uvicorn.run(app, host='127.0.0.1', port=port, log_level='error')
