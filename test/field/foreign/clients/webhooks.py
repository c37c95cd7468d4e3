"""Standard Webhooks in Python: `python webhooks.py sign SECRET ID BODY` prints headers, and `python webhooks.py verify SECRET DELIVERY`
checks a delivery, JSON with `headers` and `body`, and prints its payload.
"""

import datetime
import json
import sys

from standardwebhooks.webhooks import Webhook

webhook = Webhook(sys.argv[2])
if sys.argv[1] == 'sign':
    at = datetime.datetime.now(datetime.timezone.utc)
    headers = {
        'webhook-id': sys.argv[3],
        'webhook-timestamp': str(int(at.timestamp())),
        'webhook-signature': webhook.sign(sys.argv[3], at, sys.argv[4]),
    }
    print(json.dumps({'name': 'signed', 'headers': headers}))
else:
    delivery = json.loads(sys.argv[3])
    print(json.dumps({'name': 'verified', 'payload': webhook.verify(delivery['body'], delivery['headers'])}))
