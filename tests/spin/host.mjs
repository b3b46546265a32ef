// Runs the functions' Spin components (WASI 0.2) in Node: jco translates them, Node's own SQLite stands for Spin's.
// For the tests only: it shows that the very components a Spin host loads answer as they should.
//
//   node host.mjs OUT_DIR MIGRATIONS_DIR ROUTE=COMPONENT.wasm …      variables: SPIN_VARIABLE_NAME

import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { basename, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { transpileBytes } from "@bytecodealliance/jco-transpile";
import { HTTPServer } from "@bytecodealliance/preview2-shim/http";
import { migrate } from "./spin.mjs";

const [out, migrations, ...components] = process.argv.slice(2);

for (const file of readdirSync(migrations).filter((name) => name.endsWith(".sql")).sort()) {
  migrate(readFileSync(join(migrations, file), "utf8"));
}

const shim = pathToFileURL(join(import.meta.dirname, "spin.mjs"));
const map = {
  "fermyon:spin/sqlite@2.0.0": `${shim}#sqlite`,
  "fermyon:spin/key-value@2.0.0": `${shim}#keyValue`,
  "fermyon:spin/variables@2.0.0": `${shim}#variables`,
};

/** Translates one component and loads it. */
async function load(path) {
  const name = basename(path, ".wasm");
  // The translated code imports the WASI shim by name: it has to lie where Node looks for it.
  const dir = join(out, name);
  const { files } = await transpileBytes(readFileSync(path), { name, map });
  for (const [file, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, file)), { recursive: true });
    writeFileSync(join(dir, file), bytes);
  }
  return (await import(pathToFileURL(join(dir, `${name}.js`)))).incomingHandler;
}

const routes = [];
for (const component of components) {
  const at = component.indexOf("=");
  routes.push([component.slice(0, at), await load(component.slice(at + 1))]);
}

// Spin's rule: the longest prefix of whole segments.
routes.sort(([a], [b]) => b.length - a.length);
const handler = {
  handle(request, out) {
    const path = (request.pathWithQuery() ?? "/").split("?")[0];
    const found = routes.find(([prefix]) => path === prefix || path.startsWith(`${prefix}/`));
    (found ?? routes[0])[1].handle(request, out);
  },
};

/** A port nobody has. */
const port = await new Promise((resolve) => {
  const probe = createServer().listen(0, "127.0.0.1", () => {
    const { port } = probe.address();
    probe.close(() => resolve(port));
  });
});
new HTTPServer(handler).listen(port, "127.0.0.1");
console.log(JSON.stringify({ ready: `http://127.0.0.1:${port}` }));
// Whoever started this keeps our standard input open for as long as we are wanted.
process.stdin.on("close", () => process.exit()).resume();
