"""The client of the Python SDK 0.2: `python client_0_2.py BASE TOKEN`, prints what it received as one line of JSON.

Where it can read the card and not talk to the agent, it prints the kind of the failure.
"""

import asyncio
import json
import sys
import uuid

import httpx
from a2a.client import A2ACardResolver, A2AClient
from a2a.types import MessageSendParams, SendMessageRequest, SendStreamingMessageRequest

from texts import texts_of

base, token = sys.argv[1], sys.argv[2]


def params(text):
    message = {'role': 'user', 'messageId': uuid.uuid4().hex, 'parts': [{'kind': 'text', 'text': text}]}
    return MessageSendParams(message=message)


async def talk(http, card, result):
    client = A2AClient(http, agent_card=card)
    for text in ('hello ☎', 'task'):
        sent = await client.send_message(SendMessageRequest(id='1', params=params(text)))
        result[f'sent {text}'] = texts_of(sent.model_dump(mode='json', exclude_none=True))
    request = SendStreamingMessageRequest(id='2', params=params('task'))
    result['streamed'] = [
        texts_of(event.model_dump(mode='json', exclude_none=True))
        async for event in client.send_message_streaming(request)
    ]


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
