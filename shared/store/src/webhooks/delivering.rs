//! Delivering: a few events at a time, signed, each tried ten times over three days. A try is claimed before it is made,
//! so a crash in the middle only means the next try; deliveries are at least once, told apart by `webhook-id`.

use bytes::Bytes;
use domain::webhook::{TRIES, delivery_purpose, derive, pause};
use domain::{Error, Id, outbound};
use futures_util::future::join_all;
use ports::{Cx, Outgoing, Row, Rows, Stmt, Value};
use serde_json::json;

use crate::batch::failure;
use crate::list::Scope;

/// How many are sent at once.
const AT_ONCE: i64 = 6;

/// How often `dispatch` goes on while there is more.
const ROUNDS: usize = 4;

/// How long one receiver may take, in milliseconds.
const TIMEOUT_MS: u32 = 15_000;

/// A claimed try that was never recorded is taken up again after this, in milliseconds.
const CLAIM_MS: i64 = 90_000;

/// Events are kept for so long, in milliseconds, and then as long as one is still to be delivered.
const KEEP_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// So many tries a delivery's log shows.
const LOG: i64 = 30;

/// What a round of deliveries left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// Nothing more is due.
    Done,
    /// As many as are sent at once: there may be more.
    Full,
}

/// One try.
struct Try {
    id: Id,
    webhook: Id,
    /// This one included.
    tries: i64,
    request: Result<Outgoing, String>,
}

/// How a try went: the status of the answer, or why there is none.
type Outcome = Result<u16, String>;

/// Sends what is due, some of it, and records how that went. Where nothing is due this is one read.
pub async fn deliver(cx: &Cx) -> Result<Round, Error> {
    let scope = Scope { me: 0, now: cx.now, profile: cx.config.profile };
    let due = first(cx.ports.sql.run(vec![due(scope)]).await.map_err(failure)?);
    let mut tries: Vec<Try> = due.iter().filter_map(|row| read(cx, row)).collect();
    if tries.is_empty() {
        return Ok(Round::Done);
    }
    let claims = tries.iter().map(|each| claim(scope, each)).collect();
    let mut claimed = cx.ports.sql.run(claims).await.map_err(failure)?.into_iter();
    // Somebody else may have taken some of them in between.
    tries.retain(|_| claimed.next().is_some_and(|rows| !rows.is_empty()));
    let outcomes = join_all(tries.iter().map(|each| send(cx, each))).await;
    let records = tries.iter().zip(&outcomes).flat_map(|(each, outcome)| record(scope, each, outcome)).collect();
    cx.ports.sql.run(records).await.map_err(failure)?;
    Ok(if due.len() as i64 == AT_ONCE { Round::Full } else { Round::Done })
}

/// Goes on delivering beside whatever else is to be done: a receiver that keeps us waiting holds up nothing here.
pub fn dispatch(cx: &Cx) {
    let cx = cx.clone();
    let background = cx.background.clone();
    background.spawn(Box::pin(async move {
        for _ in 0..ROUNDS {
            match deliver(&cx).await {
                Ok(Round::Full) => {}
                Ok(Round::Done) => return,
                Err(error) => return log::warn!("Webhooks were not delivered, the sweeper will: {error}"),
            }
        }
    }));
}

fn first(results: Vec<Rows>) -> Rows {
    results.into_iter().next().unwrap_or_default()
}

/// The deliveries whose time has come: users in turns, each one's oldest first, and those to endpoints that failed last
/// time after all others, so that nobody's receivers hold up another's.
fn due(scope: Scope) -> Stmt {
    scope.stmt(
        "SELECT d.id, d.tries, d.webhook_id, w.url, w.version, w.retired, e.event_id, e.body FROM (SELECT d.id AS first, \
         w.failures > 0 AS failing, row_number() OVER (PARTITION BY w.user_id ORDER BY d.next_at, d.id) AS place \
         FROM deliveries d JOIN webhooks w ON w.id = d.webhook_id \
         WHERE d.status = 'pending' AND d.next_at <= ?2 AND d.tries < ?3 ORDER BY failing, place, first LIMIT ?4) f \
         JOIN deliveries d ON d.id = f.first JOIN webhooks w ON w.id = d.webhook_id JOIN events e ON e.id = d.event_id \
         ORDER BY failing, place, first",
        [TRIES.into(), AT_ONCE.into()],
    )
}

/// Takes a try, unless somebody else has.
fn claim(scope: Scope, each: &Try) -> Stmt {
    scope.stmt(
        "UPDATE deliveries SET tries = ?4, next_at = ?2 + ?5 WHERE id = ?3 AND tries = ?4 - 1 AND status = 'pending' RETURNING id",
        [each.id.into(), each.tries.into(), CLAIM_MS.into()],
    )
}

fn read(cx: &Cx, row: Row<'_>) -> Option<Try> {
    let (id, webhook) = (row.int("id")?, row.int("webhook_id")?);
    let url = row.text("url")?;
    let request = match outbound::check(url, &cx.config.fetch_allow) {
        Ok(()) => signed(cx, webhook, row).ok_or_else(|| "no key to sign with".to_string()),
        Err(refusal) => Err(refusal.text().to_string()),
    };
    Some(Try { id, webhook, tries: row.int("tries")? + 1, request })
}

/// The event with the headers of Standard Webhooks: signed with the endpoint's secret, and for a day after a rotation
/// with those before it.
fn signed(cx: &Cx, webhook: Id, row: Row<'_>) -> Option<Outgoing> {
    let key = cx.config.runner_key.as_bytes();
    let (event, body) = (row.text("event_id")?, row.text("body")?);
    let timestamp = cx.now.seconds();
    let retired: serde_json::Value = serde_json::from_str(row.text("retired")?).ok()?;
    let standing = retired.as_array().into_iter().flatten().filter(|r| r["until"].as_i64() > Some(cx.now.0));
    let versions = row.int("version").into_iter().chain(standing.filter_map(|r| r["version"].as_i64()));
    let sign = |version| derive(key, &delivery_purpose(webhook, version)).sign(event, timestamp, body.as_bytes());
    let signatures: Vec<String> = versions.map(sign).collect();
    let headers = vec![
        ("content-type", "application/json".to_string()),
        ("user-agent", "easel".to_string()),
        ("webhook-id", event.to_string()),
        ("webhook-timestamp", timestamp.to_string()),
        ("webhook-signature", signatures.join(" ")),
    ];
    let body = Bytes::from(body.to_string());
    let url = row.text("url")?.to_string();
    // An empty key would let anyone sign. Of the answer, its status is enough.
    (key.len() >= 32).then_some(Outgoing { method: "POST", url, headers, body, timeout_ms: TIMEOUT_MS, max_bytes: 0 })
}

async fn send(cx: &Cx, each: &Try) -> Outcome {
    let request = each.request.clone()?;
    cx.ports.fetch.send(request).await.map(|answer| answer.status).map_err(|error| error.to_string())
}

/// Writes a try down: in the delivery's log, and what follows from it.
fn record(scope: Scope, each: &Try, outcome: &Outcome) -> Vec<Stmt> {
    let delivered = matches!(outcome, Ok(200..=299));
    let gone = matches!(outcome, Ok(410));
    let (status, error) = match outcome {
        Ok(status) => (json!(status), (!delivered).then(|| format!("the answer was {status}"))),
        Err(why) => (json!(null), Some(why.chars().take(200).collect())),
    };
    let entry = json!({"time": scope.now.rfc3339(), "status": status, "error": error}).to_string();
    let next = if delivered || gone { None } else { pause(each.tries, each.id) };
    let after = match (delivered, next) {
        (true, _) => "delivered",
        (false, Some(_)) => "pending",
        (false, None) => "failed",
    };
    let (id, webhook): (Value, Value) = (each.id.into(), each.webhook.into());
    let mut stmts = vec![
        // Counted tries tell whether this try is still the last: a replay begins anew.
        scope.stmt(
            "UPDATE deliveries SET log = json_insert(iif(json_array_length(log) >= ?7, json_remove(log, '$[0]'), log), \
             '$[#]', json(?4)), status = iif(tries = ?5, ?6, status), next_at = iif(tries = ?5, ?2 + coalesce(?8, 0), next_at), \
             updated_at = ?2 WHERE id = ?3",
            [id, entry.into(), each.tries.into(), after.into(), LOG.into(), next.into()],
        ),
        scope.stmt(
            "UPDATE webhooks SET failures = iif(?4, 0, failures + 1), active = iif(?5, 0, active) WHERE id = ?3",
            [webhook.clone(), delivered.into(), gone.into()],
        ),
    ];
    if gone {
        stmts.push(silence(scope, webhook));
    }
    stmts
}

/// An endpoint that is not active gets nothing more.
pub fn silence(scope: Scope, webhook: impl Into<Value>) -> Stmt {
    scope.stmt(
        "UPDATE deliveries SET status = 'failed', updated_at = ?2 WHERE webhook_id = ?3 AND status = 'pending'",
        [webhook.into()],
    )
}

/// Gives up what was claimed for the last time and never recorded, and forgets what is old: events, and endpoints of
/// single tasks that nothing is delivered to any more.
pub fn sweep(scope: Scope) -> [Stmt; 3] {
    [
        scope.stmt(
            "UPDATE deliveries SET status = 'failed', updated_at = ?2 WHERE status = 'pending' AND next_at <= ?2 AND tries >= ?3",
            [TRIES.into()],
        ),
        scope.stmt(
            "DELETE FROM events WHERE created_at < ?2 - ?3 AND NOT EXISTS \
             (SELECT 1 FROM deliveries d WHERE d.event_id = events.id AND d.status = 'pending')",
            [KEEP_MS.into()],
        ),
        scope.stmt(
            "DELETE FROM webhooks WHERE standing = 0 AND updated_at < ?2 - ?3 AND NOT EXISTS \
             (SELECT 1 FROM deliveries d WHERE d.webhook_id = webhooks.id)",
            [KEEP_MS.into()],
        ),
    ]
}
