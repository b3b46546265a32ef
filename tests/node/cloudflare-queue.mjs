// The queue as Cloudflare's own client sees it, which takes base URL and token from its environment and is not told
// that it talks to somebody else. Run by tests/e2e/queues.rs against a queue nobody else uses; ends with an error at
// the first thing that is not as it is on the platform.

import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";
import Cloudflare from "cloudflare";

const account = { account_id: "local" };
const { messages } = new Cloudflare().queues;
const queue = "inference";
const dead = "inference-dlq";

const pull = (from = queue, options = {}) => messages.pull(from, { ...account, ...options });
const ack = (from, settled) => messages.ack(from, { ...account, ...settled });
const bodies = ({ messages }) => messages.map(({ body }) => body);
const lease = ({ lease_id }) => ({ lease_id });

/** Pulls until there is something: that time has passed can only be seen. */
async function pulled(from, options) {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const answer = await pull(from, options);
    if (answer.messages.length > 0) return answer;
    assert(Date.now() < deadline, `nothing came from ${from}`);
    await wait(20);
  }
}

// Push, one and many.
const pushed = await messages.push(queue, { ...account, body: "1", content_type: "text" });
assert.equal(pushed.metadata.metrics.backlog_count, 1);
const more = ["2", "3", "4"].map((body) => ({ body, content_type: "text" }));
const structured = { body: { task_id: 5 }, content_type: "json" };
const { metadata } = await messages.bulkPush(queue, { ...account, messages: [...more, structured] });
assert.equal(metadata.metrics.backlog_count, 5);
assert.equal(metadata.metrics.backlog_bytes, 4 + '{"task_id":5}'.length);

// Two of five, then what is left.
const two = await pull(queue, { batch_size: 2 });
assert.deepEqual(bodies(two), ["1", "2"]);
assert.equal(two.message_backlog_count, 5);
for (const message of two.messages) {
  assert.equal(message.attempts, 1);
  assert.deepEqual(message.metadata, { "CF-Content-Type": "text" });
  assert(Math.abs(Date.now() - message.timestamp_ms) < 60_000);
}
const three = await pull();
assert.deepEqual(bodies(three).slice(0, 2), ["3", "4"]);
assert.deepEqual(JSON.parse(atob(three.messages[2].body)), structured.body);
assert.deepEqual((await pull()).messages, []);

// What is acknowledged is gone; to say so again is no error.
const [first, second] = two.messages;
assert.deepEqual(await ack(queue, { acks: [lease(first)] }), { ackCount: 1, retryCount: 0, warnings: {} });
const again = await ack(queue, { acks: [lease(first)] });
assert.deepEqual([again.ackCount, Object.keys(again.warnings)], [0, [first.lease_id]]);
assert.equal((await ack(queue, { acks: three.messages.map(lease) })).ackCount, 3);

// What is given back comes again, not before its delay.
const asked = Date.now();
const retried = await ack(queue, { retries: [{ ...lease(second), delay_seconds: 1 }] });
assert.deepEqual([retried.ackCount, retried.retryCount], [0, 1]);
const later = await pulled(queue, { visibility_timeout_ms: 50 });
assert(Date.now() - asked >= 1000, "it came before its delay was over");
assert.deepEqual([later.messages[0].id, later.messages[0].attempts], [second.id, 2]);

// What is left lying comes again, and the lease it had is stale.
const third = await pulled(queue, { visibility_timeout_ms: 50 });
assert.deepEqual([third.messages[0].id, third.messages[0].attempts], [second.id, 3]);
const late = await ack(queue, { acks: [lease(later.messages[0])] });
assert.deepEqual([late.ackCount, Object.keys(late.warnings)], [0, [later.messages[0].lease_id]]);

// Four times delivered and never acknowledged: a dead letter, whole, in a queue like any other.
assert.equal((await pulled(queue, { visibility_timeout_ms: 50 })).messages[0].attempts, 4);
const letter = await pulled(dead);
assert.deepEqual([letter.messages[0].id, letter.messages[0].attempts], [second.id, 1]);
assert.deepEqual([bodies(letter), letter.message_backlog_count], [["2"], 1]);
const empty = await pull();
assert.deepEqual([empty.messages, empty.message_backlog_count], [[], 0]);
assert.equal((await ack(dead, { acks: letter.messages.map(lease) })).ackCount, 1);
assert.equal((await pull(dead)).message_backlog_count, 0);

// Refusals are the client's own errors.
await assert.rejects(pull(queue, { batch_size: 101 }), Cloudflare.BadRequestError);
await assert.rejects(pull("nowhere"), Cloudflare.NotFoundError);
const stranger = new Cloudflare({ apiToken: "not-the-token" });
await assert.rejects(stranger.queues.messages.pull(queue, account), Cloudflare.AuthenticationError);
