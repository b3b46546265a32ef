//! The SQL of changes to webhooks, and of their deliveries as their owners see them.

use domain::Choices;
use domain::messages::{FORBIDDEN, NOT_FOUND, WEBHOOK_INACTIVE, WEBHOOK_LIMIT};
use protocol::webhook::{EVENTS, ROTATION_OVERLAP_MS};
use store::spec::{DATE_FILTER, NEWEST, OLDEST};
use store::webhooks::cancel_pending;
use store::{Column, Filter, FilterRule, Kind, Property, Shape, Spec, StmtIndex, Tx, Visible, args};

use crate::model::{NewWebhook, WebhookPatch};

/// The most webhooks of a user, without those of single tasks. The text of `WEBHOOK_LIMIT` says it too.
const MAX_WEBHOOKS: i64 = 50;

/// The most secrets that sign beside the current one.
pub const MAX_RETIRED: i64 = 5;

pub static DELIVERIES: Spec = Spec {
    name: "deliveries",
    from: "deliveries t JOIN events e ON e.id = t.event_id JOIN webhooks w ON w.id = t.webhook_id",
    columns: &[
        Column::new("id", "t.id", Kind::VersionedId),
        Column::new("event_id", "e.event_id", Kind::Text),
        Column::new("type", "e.type", Kind::Text),
        Column::new("task_id", "e.task_id", Kind::VersionedId),
        Column::new("status", "t.status", Kind::Text),
        Column::new("attempts", "t.log", Kind::Json(&ATTEMPTS)),
        Column::new("next_at", "iif(t.status = 'pending', max(t.next_at, t.created_at), NULL)", Kind::Time),
        Column::new("created_at", "t.created_at", Kind::Time),
        Column::new("updated_at", "t.updated_at", Kind::Time),
    ],
    visible: Visible::Where("(w.user_id = :me OR (SELECT admin FROM users WHERE id = :me) = 1)"),
    writable: "(w.user_id = :me OR (SELECT admin FROM users WHERE id = :me) = 1)",
    owner: "w.user_id",
    filters: &[
        Filter { name: "status", aliases: &[], rule: FilterRule::OneOf("t.status", STATUSES) },
        Filter { name: "type", aliases: &[], rule: FilterRule::OneOf("e.type", EVENTS) },
        Filter { name: "task", aliases: &["task_id"], rule: FilterRule::Ids("e.task_id IN ({ids})") },
        DATE_FILTER,
    ],
    sorts: &[NEWEST, OLDEST],
    ..Spec::EMPTY
};

/// The column `attempts`: the last thirty, oldest first.
pub const ATTEMPTS: Shape = Shape::List(&Shape::Object(&[
    Property::new("time", Shape::Time, ""),
    Property::new("status", Shape::Nullable(&Shape::Int), "Of the receiver's reply; null when there was none."),
    Property::new("error", Shape::Nullable(&Shape::Text), "Why the attempt failed."),
]));

const STATUSES: Choices = &[("pending", &[]), ("delivered", &[]), ("failed", &[])];

/// Inserts a webhook. Fails the transaction with `webhook_limit` when the user has `MAX_WEBHOOKS`.
pub fn insert(tx: &mut Tx, webhook: &NewWebhook) {
    tx.guard(
        &WEBHOOK_LIMIT,
        "(SELECT count(*) FROM webhooks WHERE user_id = :me AND standing = 1) < :max",
        args! { max: MAX_WEBHOOKS },
    );
    tx.exec(
        "INSERT INTO webhooks (user_id, url, events, created_at, updated_at) VALUES (:me, :url, :events, :now, :now)",
        args! { url: &webhook.url, events: webhook.events_json() },
    );
}

/// Changes a webhook. Another address begins without failures. Deactivation ends the pending deliveries.
pub fn update(tx: &mut Tx, id: i64, patch: &WebhookPatch) {
    tx.exec(
        "UPDATE webhooks SET failures = iif(coalesce(:url, url) = url, failures, 0), url = coalesce(:url, url), \
         events = coalesce(:events, events), active = coalesce(:active, active), \
         updated_at = max(:now, updated_at + 1) WHERE id = :id",
        args! { id, url: &patch.url, events: patch.events_json(), active: patch.active },
    );
    if patch.active == Some(false) {
        cancel_pending(tx, id);
    }
}

pub fn delete(tx: &mut Tx, id: i64) {
    tx.exec("DELETE FROM webhooks WHERE id = :id", args! { id });
}

/// Fails the transaction with `forbidden` unless the webhook is the caller's: nobody else is shown its secret.
pub fn require_owner(tx: &mut Tx, id: i64) {
    tx.guard(&FORBIDDEN, "EXISTS (SELECT 1 FROM webhooks WHERE id = :id AND user_id = :me)", args! { id });
}

/// Queries the `version` of the secret.
pub fn version(tx: &mut Tx, id: i64) -> StmtIndex {
    tx.exec("SELECT version FROM webhooks WHERE id = :id", args! { id })
}

/// Replaces the secret; the one before signs for `ROTATION_OVERLAP_MS` more. Changes nothing while `MAX_RETIRED` do.
///
/// Yields `n`, the number of those before this rotation, and `until`, when the first of them ends: for
/// `rate_limit::check`.
pub fn rotate(tx: &mut Tx, id: i64) -> StmtIndex {
    const RETIRED: &str = "FROM json_each(webhooks.retired) r WHERE json_extract(r.value, '$.until') > :now";
    let retired = tx.exec(
        format!(
            "SELECT (SELECT count(*) {RETIRED}) AS n, \
             (SELECT min(json_extract(r.value, '$.until')) {RETIRED}) AS until FROM webhooks WHERE id = :id"
        ),
        args! { id },
    );
    tx.exec(
        format!(
            "UPDATE webhooks SET version = version + 1, updated_at = max(:now, updated_at + 1), \
             retired = json_insert((SELECT json_group_array(json(r.value)) {RETIRED}), '$[#]', \
             json_object('version', version, 'until', CAST(:now + :overlap AS INTEGER))) \
             WHERE id = :id AND (SELECT count(*) {RETIRED}) < :max"
        ),
        args! { id, overlap: ROTATION_OVERLAP_MS, max: MAX_RETIRED },
    );
    retired
}

/// Makes a delivery due, with all its tries before it. Fails the transaction with `not_found` unless it is of this
/// webhook, with `webhook_inactive` when that is not active.
pub fn replay(tx: &mut Tx, webhook: i64, id: i64) {
    tx.guard(
        &NOT_FOUND,
        "EXISTS (SELECT 1 FROM deliveries WHERE id = :id AND webhook_id = :webhook)",
        args! { id, webhook },
    );
    tx.guard(
        &WEBHOOK_INACTIVE,
        "EXISTS (SELECT 1 FROM webhooks WHERE id = :webhook AND active = 1)",
        args! { webhook },
    );
    tx.exec(
        "UPDATE deliveries SET status = 'pending', tries = 0, next_at = 0, updated_at = max(:now, updated_at + 1) \
         WHERE id = :id",
        args! { id },
    );
}
