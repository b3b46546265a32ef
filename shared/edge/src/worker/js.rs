//! The few lines of JavaScript that carry a request's head, a response and a batch across in one call each. Crossing
//! with headers and arguments one by one costs a call, and often a string, for each of them.

use wasm_bindgen::prelude::*;
use web_sys::{Request, Response};

#[wasm_bindgen(inline_js = r#"
export function head(request) {
  let lines = request.method + "\n" + request.url;
  for (const [name, value] of request.headers) lines += "\n" + name + "\n" + value;
  return lines;
}
function headersOf(lines) {
  const headers = new Headers();
  const parts = lines.split("\n");
  for (let i = 0; i + 1 < parts.length; i += 2) headers.append(parts[i], parts[i + 1]);
  return headers;
}
export function respond(status, lines, body) {
  // A copy: what was passed is a view of WASM's memory, which is used for other things after this.
  return new Response(body?.slice(), { status, headers: headersOf(lines) });
}
export async function send(method, url, lines, body, timeout, limit) {
  const signal = AbortSignal.timeout(timeout);
  const response = await fetch(url, { method, headers: headersOf(lines), body, signal, redirect: "manual" });
  let head = String(response.status);
  for (const [name, value] of response.headers) head += "\n" + name + "\n" + value;
  const chunks = [];
  let size = 0;
  const reader = response.body?.getReader();
  while (reader) {
    const { done, value } = size > limit ? { done: true } : await reader.read();
    if (done) break;
    chunks.push(value);
    size += value.length;
  }
  if (size > limit) reader.cancel().catch(() => {});
  return [head, new Uint8Array(await new Blob(chunks).arrayBuffer())];
}
export function ask(objects, name, method, path, lines, body) {
  return objects.get(objects.idFromName(name)).fetch("https://hub/" + path, { method, headers: headersOf(lines), body });
}
export function batch(database, statements) {
  return database.batch(JSON.parse(statements).map(([sql, args]) => database.prepare(sql).bind(...args)));
}
"#)]
extern "C" {
    /// Method, URL, and then each header's name and value, a line each: none of them can hold a line's end.
    pub fn head(request: &Request) -> String;

    /// A whole response; headers as lines, name and value in turn.
    #[wasm_bindgen(catch)]
    pub fn respond(status: u16, headers: &str, body: Option<&[u8]>) -> Result<Response, JsValue>;

    /// Calls the outside, headers as lines, name and value in turn; follows no redirect. The promise of status and
    /// headers as lines, and the body: when that is longer than `limit`, there may have been more.
    #[wasm_bindgen(catch)]
    pub async fn send(
        method: &str,
        url: &str,
        headers: &str,
        body: Option<js_sys::Uint8Array>,
        timeout: u32,
        limit: u32,
    ) -> Result<JsValue, JsValue>;

    /// Calls the Durable Object of this name, headers as lines, name and value in turn: the promise of its response.
    #[wasm_bindgen(catch)]
    pub fn ask(
        objects: &JsValue,
        name: &str,
        method: &str,
        path: &str,
        headers: &str,
        body: Option<&str>,
    ) -> Result<js_sys::Promise, JsValue>;

    /// Runs statements, `[[sql, [argument…]]…]` in JSON, as one batch of D1: the promise of its results.
    #[wasm_bindgen(catch)]
    pub fn batch(database: &JsValue, statements: &str) -> Result<js_sys::Promise, JsValue>;
}
