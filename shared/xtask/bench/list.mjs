// Baseline for `cargo xtask bench list`: a Worker with the same reply as our list of tags, written with hono and D1.

import { Hono } from "hono";

const app = new Hono();

const COUNT =
  "(SELECT count(*) FROM image_tags g JOIN images i ON i.id = g.image_id WHERE g.tag_id = t.id AND i.public = 1)";
const time = (ms) => new Date(ms).toISOString();

app.get("/api/tags", async (c) => {
  const page = Math.max(1, Number(c.req.query("page") ?? 1));
  const size = Math.min(100, Math.max(1, Number(c.req.query("page_size") ?? 20)));
  const db = c.env.DB;
  const [totals, rows] = await db.batch([
    db.prepare("SELECT count(*) AS total FROM tags"),
    db
      .prepare(
        `SELECT t.id, t.name, ${COUNT} AS count, t.created_at, t.updated_at FROM tags t ` +
          "ORDER BY t.created_at DESC, t.id DESC LIMIT ? OFFSET ?",
      )
      .bind(size, (page - 1) * size),
  ]);
  const { total } = totals.results[0];
  const list = rows.results.map((row) => ({
    ...row,
    created_at: time(row.created_at),
    updated_at: time(row.updated_at),
  }));
  return c.json({ page, page_size: size, total, next: page * size < total, list });
});

// Fills the table once; not measured.
app.post("/seed/:rows", async (c) => {
  await c.env.DB.prepare(
    "INSERT INTO tags (name, created_at, updated_at) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n " +
      "WHERE i < ?) SELECT 'tag ' || i, 1700000000000 + i * 1000, 1700000000000 + i * 1000 FROM n",
  )
    .bind(Number(c.req.param("rows")))
    .run();
  return c.body(null, 204);
});

export default app;
