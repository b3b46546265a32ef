"""Whether deliveries verify, by the official package of Standard Webhooks. Reads from standard input a JSON list of
{"secret", "headers", "body", "genuine"}; ends with an error at the first whose `genuine` it does not agree with."""

import json
import sys

from standardwebhooks.webhooks import Webhook, WebhookVerificationError


def verifies(delivery):
    try:
        return Webhook(delivery["secret"]).verify(delivery["body"], delivery["headers"]) is not None
    except WebhookVerificationError:
        return False


deliveries = json.load(sys.stdin)
for delivery in deliveries:
    if verifies(delivery) != delivery["genuine"]:
        sys.exit(f"{delivery} should {'' if delivery['genuine'] else 'not '}verify")
print(len(deliveries))
