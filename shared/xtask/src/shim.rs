//! The JavaScript around a function's WASM: what workerd calls, handed to what `#[event(…)]` and `#[durable_object]`
//! export. After a panic wasm-bindgen puts a new instance in place on the next call; Durable Objects made by the old
//! one are made anew, everything else is stateless.

use std::fmt::Write;

use crate::workspace::Function;

/// Handlers of the default export that `worker`'s macros can give.
const EVENTS: [&str; 2] = ["fetch", "scheduled"];

/// A panic kills the instance with every call in it. Their promises would stay pending for ever (callers of a Durable
/// Object would hang), so they are rejected: `worker`'s panic hook tells by setting `criticalError`.
const CALLS: &str = r#"
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

/// A class whose objects are made again after a panic, by asking the live instance for its number before each call.
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

/// The entry module of `function`, beside wasm-bindgen's module `bindings` in `./bindings.js`. `prefix` marks its log
/// lines with its name: on one's own machine all functions share one output.
pub fn render(function: &Function, bindings: &str, prefix: bool) -> String {
    let mut js = String::from("import * as wasm from \"./bindings.js\";\n");
    if prefix {
        let name = &function.name;
        let _ = write!(
            js,
            "for (const level of [\"debug\", \"log\", \"info\", \"warn\", \"error\"]) {{\n  \
             const plain = console[level].bind(console);\n  \
             console[level] = (...parts) => plain(\"[{name}]\", ...parts);\n}}\n"
        );
    }
    js.push_str(CALLS);
    if !function.spec.durable_objects.is_empty() {
        js.insert_str(0, "import { DurableObject } from \"cloudflare:workers\";\n");
        js.push_str(DURABLE);
        for class in function.spec.durable_objects.values() {
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
    use crate::workspace::Spec;

    fn function(durable: &[(&str, &str)]) -> Function {
        let durable_objects = durable.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let spec = Spec { durable_objects, ..Spec::default() };
        Function { name: "hub".into(), dir: "/w/functions/hub".into(), spec }
    }

    #[test]
    fn only_what_is_exported_is_handed_on() {
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
