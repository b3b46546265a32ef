//! Deliveries: a few events at a time, signed, each tried ten times over three days. A try is claimed before it is
//! made, so that a crash costs that try and nothing else. Deliveries are at least once; `webhook-id` tells them apart.

mod record;

use bytes::Bytes;
use domain::{Error, Id, url_policy};
use futures_util::future::join_all;
use ports::{FetchRequest, Row, Rows, Runtime};
use protocol::webhook::{TRIES, delivery_purpose, derive};

use crate::args;
use crate::tx::{StmtIndex, Tx};

/// The most deliveries sent at once.
const AT_ONCE: i64 = 6;

/// The most rounds of one `dispatch`.
const ROUNDS: usize = 4;

/// Milliseconds one receiver may take.
const TIMEOUT_MS: u32 = 15_000;

/// Milliseconds after which a claimed try without a record is made again.
const CLAIM_MS: i64 = 90_000;

/// Milliseconds events are kept, and then as long as one is still to be delivered.
const KEEP_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// The result of a round of deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// Nothing more is due.
    Done,
    /// As many as are sent at once: there may be more.
    Full,
}

/// One try of a delivery.
struct Try {
    id: Id,
    webhook: Id,
    /// The number of tries, this one included.
    tries: i64,
    request: Result<FetchRequest, String>,
}

/// The receiver's status, or why there is none.
type Response = Result<u16, String>;

/// Sends some of what is due, and records the results. Where nothing is due this is one read.
pub async fn deliver(runtime: &Runtime) -> Result<Round, Error> {
    let mut tx = Tx::system(runtime);
    let due = due(&mut tx);
    let outcome = tx.run().await?;
    let due: &Rows = outcome.rows(due);
    let mut tries: Vec<Try> = due.iter().filter_map(|row| read(runtime, row)).collect();
    if tries.is_empty() {
        return Ok(Round::Done);
    }
    let mut tx = Tx::system(runtime);
    let claims: Vec<StmtIndex> = tries.iter().map(|each| claim(&mut tx, each)).collect();
    let claimed = tx.run().await?;
    // Another request may have taken some of them in between.
    let mut claims = claims.into_iter();
    tries.retain(|_| claims.next().is_some_and(|claim| !claimed.rows(claim).is_empty()));
    let responses = join_all(tries.iter().map(|each| send(runtime, each))).await;
    let mut tx = Tx::system(runtime);
    for (each, response) in tries.iter().zip(&responses) {
        record::record(&mut tx, each, response);
    }
    tx.run().await?;
    Ok(if due.len() as i64 == AT_ONCE { Round::Full } else { Round::Done })
}

/// Delivers in the background: a slow receiver holds up nothing here.
pub fn dispatch(runtime: &Runtime) {
    let background = runtime.background.clone();
    let runtime = runtime.clone();
    background.spawn(Box::pin(async move {
        for _ in 0..ROUNDS {
            match deliver(&runtime).await {
                Ok(Round::Full) => {}
                Ok(Round::Done) => return,
                Err(error) => return log::warn!("Webhooks were not delivered, the sweeper will: {error}"),
            }
        }
    }));
}

/// Queries the deliveries that are due: users in turns, each one's oldest first, endpoints that failed last time after
/// all others. So nobody's receivers hold up another's.
fn due(tx: &mut Tx) -> StmtIndex {
    tx.exec(
        "SELECT d.id, d.tries, d.webhook_id, w.url, w.version, w.retired, e.event_id, e.body \
         FROM (SELECT d.id AS first, w.failures > 0 AS failing, \
         row_number() OVER (PARTITION BY w.user_id ORDER BY d.next_at, d.id) AS place \
         FROM deliveries d JOIN webhooks w ON w.id = d.webhook_id \
         WHERE d.status = 'pending' AND d.next_at <= :now AND d.tries < :max_tries \
         ORDER BY failing, place, first LIMIT :at_once) f \
         JOIN deliveries d ON d.id = f.first JOIN webhooks w ON w.id = d.webhook_id JOIN events e ON e.id = d.event_id \
         ORDER BY failing, place, first",
        args! { max_tries: TRIES, at_once: AT_ONCE },
    )
}

/// Takes a try, unless another request has. Yields a row if it was taken.
fn claim(tx: &mut Tx, each: &Try) -> StmtIndex {
    tx.exec(
        "UPDATE deliveries SET tries = :tries, next_at = :now + :claim_ms \
         WHERE id = :id AND tries = :tries - 1 AND status = 'pending' RETURNING id",
        args! { id: each.id, tries: each.tries, claim_ms: CLAIM_MS },
    )
}

fn read(runtime: &Runtime, row: Row<'_>) -> Option<Try> {
    let (id, webhook) = (row.int("id")?, row.int("webhook_id")?);
    let url = row.text("url")?;
    let request = match url_policy::check(url, &runtime.config.fetch_allow) {
        Ok(address) => signed(runtime, webhook, row, address.into()).ok_or_else(|| "no key to sign with".to_string()),
        Err(refusal) => Err(refusal.text().to_string()),
    };
    Some(Try { id, webhook, tries: row.int("tries")? + 1, request })
}

/// The event with the headers of Standard Webhooks: signed with the endpoint's secret, and for a day after a rotation
/// with the secrets before it.
fn signed(runtime: &Runtime, webhook: Id, row: Row<'_>, url: String) -> Option<FetchRequest> {
    let key = runtime.config.runner_key.as_bytes();
    let (event, body) = (row.text("event_id")?, row.text("body")?);
    let timestamp = runtime.now.seconds();
    let retired: Vec<serde_json::Value> = serde_json::from_str(row.text("retired")?).ok()?;
    let still_signing = |secret: &serde_json::Value| {
        let number = |key: &str| secret.get(key).and_then(serde_json::Value::as_i64);
        number("until").filter(|until| *until > runtime.now.0).and_then(|_| number("version"))
    };
    let versions = row.int("version").into_iter().chain(retired.iter().filter_map(still_signing));
    let sign = |version| derive(key, &delivery_purpose(webhook, version)).sign(event, timestamp, body.as_bytes());
    let signatures: Vec<String> = versions.map(sign).collect();
    // With an empty key anyone could sign.
    (key.len() >= 32).then(|| FetchRequest {
        method: "POST",
        url,
        headers: vec![
            ("content-type", "application/json".to_string()),
            ("user-agent", "easel".to_string()),
            ("webhook-id", event.to_string()),
            ("webhook-timestamp", timestamp.to_string()),
            ("webhook-signature", signatures.join(" ")),
        ],
        body: Bytes::from(body.to_string()),
        timeout_ms: TIMEOUT_MS,
        // The status is enough.
        max_bytes: 0,
    })
}

async fn send(runtime: &Runtime, each: &Try) -> Response {
    let request = each.request.clone()?;
    runtime.fetch.send(request).await.map(|response| response.status).map_err(|error| error.to_string())
}

/// Ends the pending deliveries of an endpoint that is no longer active.
pub fn cancel_pending(tx: &mut Tx, webhook: Id) {
    tx.exec(
        "UPDATE deliveries SET status = 'failed', updated_at = :now \
         WHERE webhook_id = :webhook AND status = 'pending'",
        args! { webhook },
    );
}

/// Gives up last tries that were never recorded. Forgets old events, and endpoints of single tasks without deliveries.
pub fn sweep(tx: &mut Tx) {
    tx.exec(
        "UPDATE deliveries SET status = 'failed', updated_at = :now \
         WHERE status = 'pending' AND next_at <= :now AND tries >= :max_tries",
        args! { max_tries: TRIES },
    );
    tx.exec(
        "DELETE FROM events WHERE created_at < :now - :keep_ms AND NOT EXISTS \
         (SELECT 1 FROM deliveries d WHERE d.event_id = events.id AND d.status = 'pending')",
        args! { keep_ms: KEEP_MS },
    );
    tx.exec(
        "DELETE FROM webhooks WHERE standing = 0 AND updated_at < :now - :keep_ms AND NOT EXISTS \
         (SELECT 1 FROM deliveries d WHERE d.webhook_id = webhooks.id)",
        args! { keep_ms: KEEP_MS },
    );
}
