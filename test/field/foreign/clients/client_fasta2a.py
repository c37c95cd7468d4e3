"""The client of fasta2a: `python client_fasta2a.py BASE TOKEN`, prints what it received as one line of JSON.
"""

import asyncio
import json
import sys
import uuid

import httpx
from fasta2a.client import A2AClient
from fasta2a.schema import agent_card_ta

from texts import texts_of

base, token = sys.argv[1], sys.argv[2]


async def main():
    headers = {'authorization': f'Bearer {token}'} if token else {}
    async with httpx.AsyncClient(headers=headers, timeout=30) as http:
        found = (await http.get(f'{base}/.well-known/agent-card.json')).raise_for_status()
        card = agent_card_ta.validate_json(found.content)
        client = A2AClient(card, http_client=http)
        parts = [{'kind': 'text', 'text': 'hello ☎'}]
        message = {'kind': 'message', 'role': 'user', 'message_id': uuid.uuid4().hex, 'parts': parts}
        sent = await client.send_message(message, configuration={'accepted_output_modes': ['text'], 'blocking': True})
        streamed = [texts_of(event) async for event in client.stream_message(message)]
        return {'name': card['name'], 'sent': texts_of(sent), 'streamed': streamed}


print(json.dumps(asyncio.run(main())))
