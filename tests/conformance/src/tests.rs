//! The suite over the native engines, by way of HTTP. Natively there are neither sockets nor an outside.

use serde_json::Value;
use testkit::Kit;

#[tokio::test]
async fn the_native_engines_conform() {
    let kit = Kit::new(crate::routes());
    let server = "http://server.example";
    kit.fetch.respond(&format!("{server}/echo"), 201, &[("x-received", "a b")], "貓");
    kit.fetch.respond(&format!("{server}/redirect"), 302, &[("location", "/echo")], "");
    kit.fetch.respond(&format!("{server}/long"), 200, &[], vec![b'x'; 100_000]);
    kit.fetch.fail(&format!("{server}/silent"), ports::FetchError::TimedOut);
    let outcome = kit.get(&format!("/conformance?server={server}&closed=http://closed.example")).send().await;
    let outcome = outcome.json();
    for port in ["sql", "kv", "blobs", "queue", "fetch"] {
        assert_eq!(outcome[port], Value::Null, "{port}");
    }
    assert_eq!(outcome["hub"], "this platform has no event streams");
}
