// A function of ours for `cargo xtask bench rows`, with a database that counts: every reply tells in `x-rows-read` how many
// rows D1 has read for it. `function` is the function's own bundle.

import inner from "function";

const counted = (db, count) => ({
  prepare: (sql) => db.prepare(sql),
  batch: async (statements) => {
    const results = await db.batch(statements);
    for (const { meta } of results) count.rows += meta.rows_read;
    return results;
  },
});

// Rows from..until of each table. A user has 500 images, a tag 1,000; one image in ten is private.
const N = "WITH RECURSIVE n(i) AS (SELECT CAST(?1 AS INTEGER) UNION ALL SELECT i + 1 FROM n WHERE i < ?2)";
const SEEDS = {
  users: `INSERT INTO users (email, name, password, created_at, updated_at) ${N}
    SELECT 'u' || i || '@example.com', 'user ' || i, '', i, i FROM n`,
  tags: `INSERT INTO tags (name, user_id, created_at, updated_at) ${N} SELECT 'tag ' || i, 1, i, i FROM n`,
  images: `INSERT INTO images (name, key, width, height, size, sha256, prompt, num_inference_steps, guidance_scale,
    scheduler, seed, public, user_id, created_at, updated_at) ${N}
    SELECT '', 'k' || i, 64, 64, 1, '', 'a cat', 20, 7.5, 'DDIM', 1, i % 10 > 0, 1 + i % CAST(?3 AS INTEGER), 1700000000000 + i * 60000, i
    FROM n`,
  image_tags: `INSERT INTO image_tags (image_id, tag_id) ${N} SELECT i, 1 + i % CAST(?3 AS INTEGER) FROM n`,
  tasks: `INSERT INTO tasks (name, type, status, params, user_id, cost, claimed_at, finished_at, created_at, updated_at) ${N}
    SELECT 'task', 'inference', 'success', '{}', 1 + i % CAST(?3 AS INTEGER), 0, i, i + 1, 1700000000000 + i * 60000, i FROM n`,
};

async function seed(db, { table, from, until, modulus }) {
  const statement = db.prepare(SEEDS[table]);
  const args = SEEDS[table].includes("?3") ? [from, until, modulus] : [from, until];
  await statement.bind(...args).run();
  return new Response(null, { status: 204 });
}

export default {
  async fetch(request, env, context) {
    if (new URL(request.url).pathname === "/seed") return seed(env.DB, await request.json());
    const count = { rows: 0 };
    const response = await inner.fetch(request, { ...env, DB: counted(env.DB, count) }, context);
    const reply = new Response(response.body, response);
    reply.headers.set("x-rows-read", String(count.rows));
    return reply;
  },
};
