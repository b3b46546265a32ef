//! The JavaScript entry module of a function. It forwards workerd's calls to the WASM exports of the macros
//! `#[event(…)]` and `#[durable_object]`.
//!
//! After a panic, wasm-bindgen creates a new WASM instance on the next call. The shim then creates the Durable Objects
//! of the old instance again; everything else is stateless.

use std::fmt::Write;

use super::function::Function;

/// Event handlers that the macros of the crate `worker` can export.
const EVENTS: [&str; 2] = ["fetch", "scheduled"];

/// JavaScript of `call`, which rejects all pending calls when the function panics.
///
/// A panic ends every call of the instance, but their promises would stay pending and callers would hang. The panic
/// hook of the crate `worker` sets `criticalError`, and the setter rejects them.
const CALL: &str = r#"
const state = wasm.__worker_init_state();
const pending = new Set();
Object.defineProperty(state, "criticalError", {
  get: () => false,
  set() {
    for (const reject of pending) reject(new Error("the function panicked"));
    pending.clear();
  },
});
async function call(work) {
  const { promise: killed, reject } = Promise.withResolvers();
  pending.add(reject);
  try {
    return await Promise.race([work(), killed]);
  } finally {
    pending.delete(reject);
  }
}
"#;

/// JavaScript of `durable`: a Durable Object class that survives a panic.
///
/// Before each call it compares the number of the current WASM instance with its own. When they differ, it creates the
/// inner object again.
const DURABLE: &str = r#"
function durable(name) {
  return class extends DurableObject {
    #object;
    #instance;
    #call(method, args) {
      const { instanceId } = wasm.__worker_init_state();
      if (this.#instance !== instanceId) {
        this.#object = new wasm[name](this.ctx, this.env);
        this.#instance = instanceId;
      }
      return call(() => this.#object[method](...args));
    }
    fetch(...args) { return this.#call("fetch", args); }
    alarm(...args) { return this.#call("alarm", args); }
    webSocketMessage(...args) { return this.#call("webSocketMessage", args); }
    webSocketClose(...args) { return this.#call("webSocketClose", args); }
    webSocketError(...args) { return this.#call("webSocketError", args); }
  };
}
"#;

/// Renders the entry module of `function`. `bindings` is the text of wasm-bindgen's module, at `./bindings.js`.
///
/// `prefix_logs` puts the function's name before each log line: on a local edge all functions share one output.
pub fn render(function: &Function, bindings: &str, prefix_logs: bool) -> String {
    let mut js = String::from("import * as wasm from \"./bindings.js\";\n");
    if prefix_logs {
        let name = &function.name;
        let _ = write!(
            js,
            "for (const level of [\"debug\", \"log\", \"info\", \"warn\", \"error\"]) {{\n  \
             const plain = console[level].bind(console);\n  \
             console[level] = (...parts) => plain(\"[{name}]\", ...parts);\n}}\n"
        );
    }
    js.push_str(CALL);
    if !function.metadata.durable_objects.is_empty() {
        js.insert_str(0, "import { DurableObject } from \"cloudflare:workers\";\n");
        js.push_str(DURABLE);
        for class in function.metadata.durable_objects.values() {
            let _ = writeln!(js, "export const {class} = durable(\"{class}\");");
        }
    }
    js.push_str("export default {\n");
    for event in EVENTS.iter().filter(|event| bindings.contains(&format!("export function {event}("))) {
        let _ = writeln!(js, "  {event}: (event, env, ctx) => call(() => wasm.{event}(event, env, ctx)),");
    }
    js.push_str("};\n");
    js
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::function::FunctionMetadata;

    fn function(durable: &[(&str, &str)]) -> Function {
        let durable_objects = durable.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let metadata = FunctionMetadata { durable_objects, ..FunctionMetadata::default() };
        Function { name: "hub".into(), dir: "/w/functions/hub".into(), metadata }
    }

    #[test]
    fn only_exported_handlers_are_forwarded() {
        let js = render(&function(&[]), "export function fetch(req, env, ctx) {", false);
        assert!(js.contains("fetch: (event"));
        assert!(!js.contains("scheduled") && !js.contains("DurableObject") && !js.contains("console"));
    }

    #[test]
    fn durable_objects_are_exported_by_class() {
        let js = render(&function(&[("HUB", "HubRoom")]), "export function scheduled(", true);
        assert!(js.starts_with("import { DurableObject }"));
        assert!(js.contains("export const HubRoom = durable(\"HubRoom\");"));
        assert!(js.contains("scheduled: (event") && js.contains("[hub]"));
    }
}
