//! Checks of calls to the outside.

use bytes::Bytes;

use super::{Check, expect};
use crate::{Fetch, FetchError, FetchRequest};

/// Calls to the outside. `server` is the origin of a server with these addresses:
///
/// - `POST /echo` replies 201 with the body it got, and with the request header `x-sent` as `x-received`;
/// - `GET /redirect` replies 302 to `/echo`;
/// - `GET /long` replies with 100,000 bytes;
/// - `GET /silent` never replies.
///
/// `closed` is the origin of a port where nothing listens.
pub async fn fetch(fetch: &dyn Fetch, server: &str, closed: &str) -> Check {
    let request = |method, url: String| FetchRequest {
        method,
        url,
        headers: vec![("x-sent", "a b".into())],
        body: Bytes::new(),
        timeout_ms: 5_000,
        max_bytes: 1_000,
    };
    let fail = |e: FetchError| e.to_string();
    let body = Bytes::from_static("貓".as_bytes());
    let echo = FetchRequest { body: body.clone(), ..request("POST", format!("{server}/echo")) };
    let echoed = fetch.send(echo).await.map_err(fail)?;
    expect(echoed.status == 201, "a status does not arrive")?;
    expect(echoed.header("x-received") == "a b", "headers do not arrive")?;
    expect(echoed.body == body && echoed.complete, "a body does not survive the trip")?;

    let redirect = fetch.send(request("GET", format!("{server}/redirect"))).await.map_err(fail)?;
    expect(redirect.status == 302, "a redirect is followed")?;
    expect(redirect.header("location").ends_with("/echo"), "a redirect has no location")?;

    let long = fetch.send(request("GET", format!("{server}/long"))).await.map_err(fail)?;
    expect(long.body.len() == 1_000 && !long.complete, "more than max_bytes is read, or it is called complete")?;
    let enough = FetchRequest { max_bytes: 100_000, ..request("GET", format!("{server}/long")) };
    let enough = fetch.send(enough).await.map_err(fail)?;
    expect(enough.body.len() == 100_000 && enough.complete, "a body of exactly max_bytes is not complete")?;

    let silent = FetchRequest { timeout_ms: 300, ..request("GET", format!("{server}/silent")) };
    expect(matches!(fetch.send(silent).await, Err(FetchError::TimedOut)), "a silent server does not time out")?;
    let refused = fetch.send(request("GET", format!("{closed}/"))).await;
    expect(matches!(refused, Err(FetchError::Failed(_))), "a refused connection is not an error")
}
