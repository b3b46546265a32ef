// Runs the local edge: every Worker in one workerd process on one port, with the data of D1, KV, R2 and Durable Objects
// under one folder.
//
// xtask starts this script and writes one line of JSON to its standard input: the plan, see `edge_process/launch_plan.rs`.
// The script answers with one line of JSON on standard output, {"ready": url} or {"error": text}. Log lines go to
// standard error. It ends when standard input closes, or on SIGTERM or SIGINT.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";

const MINUTE = 60_000;

/** Converts a Worker of the plan into miniflare's options. */
function worker(plan, { name, dir, vars, services, d1, kv, r2, durable_objects, crons }) {
  const objects = Object.entries(durable_objects).map(([binding, { class: className, script }]) => [
    binding,
    { className, scriptName: script, useSQLite: true },
  ]);
  return {
    name,
    compatibilityDate: plan.compatibility_date,
    modulesRoot: dir,
    modules: [
      { type: "ESModule", path: join(dir, "index.js") },
      ...(existsSync(join(dir, "index.wasm")) ? [{ type: "CompiledWasm", path: join(dir, "index.wasm") }] : []),
    ],
    unsafeDirectSockets: name in plan.direct ? [{ host: "127.0.0.1", port: plan.direct[name] }] : [],
    bindings: { ...vars, ...plan.secrets },
    serviceBindings: services,
    d1Databases: d1,
    kvNamespaces: kv,
    r2Buckets: r2,
    durableObjects: Object.fromEntries(objects),
    cronTriggers: crons,
  };
}

/** Applies new migrations. Each is one batch with its row in `d1_migrations`, the table that wrangler uses. */
async function migrate(database, dir) {
  await database
    .prepare(
      "CREATE TABLE IF NOT EXISTS d1_migrations(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, " +
        "applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)",
    )
    .run();
  const { results } = await database.prepare("SELECT name FROM d1_migrations").all();
  const done = new Set(results.map(({ name }) => name));
  const files = readdirSync(dir).filter((file) => file.endsWith(".sql")).sort();
  for (const file of files.filter((file) => !done.has(file))) {
    const mark = database.prepare("INSERT INTO d1_migrations(name) VALUES (?)").bind(file);
    try {
      await database.batch([database.prepare(readFileSync(join(dir, file), "utf8")), mark]);
    } catch (cause) {
      throw new Error(`migration ${file}: ${cause.message}`);
    }
  }
}

/** Runs each Worker's scheduled handler once a minute: workerd has no clock for cron triggers. */
function schedule(edge, workers) {
  for (const { name, crons } of workers.filter(({ crons }) => crons.length > 0)) {
    setInterval(async () => {
      try {
        await (await edge.getWorker(name)).scheduled({ cron: crons[0] });
      } catch (cause) {
        console.error(`[${name}] scheduled: ${cause.message}`);
      }
    }, MINUTE).unref();
  }
}

/** Prints a log line of a Worker. Uncaught errors come with their stack. */
function print({ level, message }) {
  process.stderr.write(`${level === "error" || level === "warn" ? `${level} ` : ""}${message}\n`);
}

async function start(plan) {
  // The entry first: miniflare sends requests without a matching route to the first Worker.
  const workers = [...plan.workers].sort((a, b) => Number(b.entry) - Number(a.entry));
  const edge = new Miniflare(
    convertV4MiniflareOptions({
      host: "127.0.0.1",
      port: plan.port,
      cf: false,
      log: new Log(LogLevel.WARN),
      logRequests: false,
      handleStructuredLogs: print,
      resourcePersistencePath: plan.state,
      telemetry: { enabled: false },
      workers: workers.map((each) => worker(plan, each)),
    }),
  );
  const url = await edge.ready;
  const owner = workers.find(({ d1 }) => Object.keys(d1).length > 0);
  if (owner) {
    await migrate(await edge.getD1Database(Object.keys(owner.d1)[0], owner.name), plan.migrations);
  }
  schedule(edge, workers);
  return { edge, url };
}

const tell = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
const lines = createInterface({ input: process.stdin });
let edge;

async function stop() {
  await edge?.dispose();
  process.exit(0);
}

lines.once("line", async (line) => {
  try {
    const started = await start(JSON.parse(line));
    edge = started.edge;
    tell({ ready: started.url.origin });
  } catch (cause) {
    tell({ error: cause.message });
    process.exit(1);
  }
});
lines.once("close", stop);
process.once("SIGTERM", stop);
process.once("SIGINT", stop);
