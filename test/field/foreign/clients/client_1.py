"""The client of the Python SDK 1.x: `python client_1.py BASE TOKEN [BINDING]`, prints what it received as one line of JSON.

Where it can read the card and not talk to the agent, it prints the kind of the failure.
"""

import asyncio
import json
import sys

import httpx
from a2a.client import A2ACardResolver, ClientConfig, ClientFactory
from a2a.helpers.proto_helpers import new_text_message
from a2a.types import Role, SendMessageRequest
from google.protobuf.json_format import MessageToDict

from texts import texts_of

base, token = sys.argv[1], sys.argv[2]
bindings = sys.argv[3:] or ['JSONRPC', 'HTTP+JSON']


async def talk(http, card, result):
    for streaming in (False, True):
        config = ClientConfig(httpx_client=http, streaming=streaming, supported_protocol_bindings=bindings)
        client = ClientFactory(config).create(card)
        for text in ('hello ☎', 'task'):
            request = SendMessageRequest(message=new_text_message(text, role=Role.ROLE_USER))
            events = [texts_of(MessageToDict(event)) async for event in client.send_message(request)]
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
