// Baseline for `cargo xtask bench queue`: a minimal queue written with hono and D1. It has leases on a table, but no
// backlog count, no dead letters, no validation and no authentication.

import { Hono } from "hono";

const app = new Hono();
const NOW = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";

app.post("/pull", async (c) => {
  const { batch_size, visibility_timeout_ms } = await c.req.json();
  const { results } = await c.env.DB.prepare(
    "UPDATE bench_messages SET attempts = attempts + 1, lease_id = lower(hex(randomblob(16))), " +
      `visible_at = ${NOW} + ?1 WHERE id IN (SELECT id FROM bench_messages WHERE visible_at <= ${NOW} ` +
      "ORDER BY visible_at, id LIMIT ?2) RETURNING id, attempts, body, lease_id",
  )
    .bind(visibility_timeout_ms, batch_size)
    .all();
  return c.json({ result: { messages: results } });
});

app.post("/ack", async (c) => {
  const { acks } = await c.req.json();
  const { results } = await c.env.DB.prepare(
    "DELETE FROM bench_messages WHERE lease_id IN (SELECT value FROM json_each(?1)) RETURNING id",
  )
    .bind(JSON.stringify(acks.map(({ lease_id }) => lease_id)))
    .all();
  return c.json({ result: { ackCount: results.length } });
});

// Creates the table and fills it; not measured.
app.post("/batch", async (c) => {
  const { messages } = await c.req.json();
  const { DB } = c.env;
  await DB.batch([
    DB.prepare(
      "CREATE TABLE IF NOT EXISTS bench_messages (id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL, " +
        "attempts INTEGER NOT NULL DEFAULT 0, visible_at INTEGER NOT NULL, lease_id TEXT UNIQUE)",
    ),
    DB.prepare("CREATE INDEX IF NOT EXISTS bench_messages_visible ON bench_messages (visible_at, id)"),
    DB.prepare(
      `INSERT INTO bench_messages (body, visible_at) SELECT value ->> 'body', ${NOW} FROM json_each(?1)`,
    ).bind(JSON.stringify(messages)),
  ]);
  return c.json({ result: {} });
});

export default app;
