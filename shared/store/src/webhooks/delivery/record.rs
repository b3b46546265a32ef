//! The record of a try: in the delivery's log, and in what becomes of the delivery and the endpoint.

use protocol::webhook::retry_delay;
use serde_json::json;

use super::{Response, Try, cancel_pending};
use crate::args;
use crate::tx::Tx;

/// The most tries a delivery's log shows.
const LOG: i64 = 30;

/// The most characters of an error in the log.
const ERROR: usize = 200;

/// Records a try. 410 deactivates the endpoint. `updated_at` of the endpoint moves when it begins or ceases to fail.
pub(super) fn record(tx: &mut Tx, each: &Try, response: &Response) {
    let delivered = matches!(response, Ok(200..=299));
    let gone = matches!(response, Ok(410));
    let (status, error) = match response {
        Ok(status) => (json!(status), (!delivered).then(|| format!("the answer was {status}"))),
        Err(why) => (json!(null), Some(why.chars().take(ERROR).collect())),
    };
    let entry = json!({"time": tx.scope.now.rfc3339(), "status": status, "error": error}).to_string();
    let retry_after = if delivered || gone { None } else { retry_delay(each.tries, each.id) };
    let outcome = match (delivered, retry_after) {
        (true, _) => "delivered",
        (false, Some(_)) => "pending",
        (false, None) => "failed",
    };
    // The number of tries tells whether this one is still the last: a replay begins anew.
    tx.exec(
        "UPDATE deliveries SET log = json_insert(iif(json_array_length(log) >= :log, json_remove(log, '$[0]'), log), \
         '$[#]', json(:entry)), status = iif(tries = :tries, :outcome, status), \
         next_at = iif(tries = :tries, :now + coalesce(:retry_after, 0), next_at), updated_at = :now WHERE id = :id",
        args! { id: each.id, entry, tries: each.tries, outcome, log: LOG, retry_after },
    );
    tx.exec(
        "UPDATE webhooks SET failures = iif(:delivered, 0, failures + 1), active = iif(:gone, 0, active), \
         updated_at = iif((failures > 0) = :delivered OR (active = 1 AND :gone), max(:now, updated_at + 1), updated_at) \
         WHERE id = :webhook",
        args! { webhook: each.webhook, delivered, gone },
    );
    if gone {
        cancel_pending(tx, each.webhook);
    }
}
