// Whether deliveries verify, by the official package of Standard Webhooks. Reads from standard input a JSON list of
// {secret, headers, body, genuine}; ends with an error at the first whose `genuine` it does not agree with.

import { readFileSync } from "node:fs";
import { Webhook, WebhookVerificationError } from "standardwebhooks";

function verifies({ secret, headers, body }) {
  try {
    return new Webhook(secret).verify(body, headers) !== undefined;
  } catch (error) {
    if (error instanceof WebhookVerificationError) return false;
    throw error;
  }
}

const deliveries = JSON.parse(readFileSync(0, "utf8"));
for (const delivery of deliveries) {
  if (verifies(delivery) !== delivery.genuine) {
    throw new Error(`${JSON.stringify(delivery)} should ${delivery.genuine ? "" : "not "}verify`);
  }
}
console.log(deliveries.length);
