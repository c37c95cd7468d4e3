"""The client of the Python SDK 0.3: `python client_0_3.py BASE TOKEN`, prints what it received as one line of JSON.

Where it can read the card and not talk to the agent, it prints the kind of the failure.
"""

import asyncio
import json
import sys
import uuid

import httpx
from a2a.client import A2ACardResolver, ClientConfig, ClientFactory
from a2a.types import Message, Part, Role, TextPart, TransportProtocol

from texts import texts_of

base, token = sys.argv[1], sys.argv[2]


def message(text):
    return Message(role=Role.user, message_id=uuid.uuid4().hex, parts=[Part(root=TextPart(text=text))])


def plain(event):
    parts = event if isinstance(event, tuple) else (event,)
    return [part.model_dump(mode='json', exclude_none=True) for part in parts if part is not None]


async def talk(http, card, result):
    for streaming in (False, True):
        config = ClientConfig(
            httpx_client=http,
            streaming=streaming,
            supported_transports=[TransportProtocol.jsonrpc, TransportProtocol.http_json],
        )
        client = ClientFactory(config).create(card)
        for text in ('hello ☎', 'task'):
            events = [texts_of(plain(event)) async for event in client.send_message(message(text))]
            result[f'{"streamed" if streaming else "sent"} {text}'] = events


async def main():
    headers = {'authorization': f'Bearer {token}'} if token else {}
    async with httpx.AsyncClient(headers=headers, timeout=30) as http:
        card = await A2ACardResolver(http, base).get_agent_card()
        result = {'name': card.name}
        try:
            await talk(http, card, result)
        except Exception as error:
            result['failed'] = type(error).__name__
        return result


print(json.dumps(asyncio.run(main())))
