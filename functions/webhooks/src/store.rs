//! The SQL of webhooks and of their deliveries, as their owners see them.

use domain::webhook::OVERLAP;
use ports::Stmt;
use store::spec::{NEWEST, OLDEST, OWN};
use store::{Column, Filter, FilterRule, Kind, Scope, Search, Spec};

use crate::model::{NewWebhook, WebhookPatch};

/// How many a user may have, not counting those of single tasks. The message says so too.
const MAX: i64 = 50;

/// How many secrets sign beside the present one.
const MAX_RETIRED: i64 = 5;

pub static WEBHOOKS: Spec = Spec {
    name: "webhooks",
    from: "webhooks t",
    key: "t.id",
    columns: &[
        Column::new("id", "t.id", Kind::LooseId),
        Column::new("url", "t.url", Kind::Text),
        Column::new("events", "t.events", Kind::Json),
        Column::new("active", "t.active", Kind::Bool),
        // The last try, of whatever event, did not succeed.
        Column::new("failing", "t.failures > 0", Kind::Bool),
        // False for those that came with a single task, as its `webhook`.
        Column::new("standing", "t.standing", Kind::Bool),
        Column::new("version", "t.version", Kind::Int),
        Column::new("user_id", "t.user_id", Kind::User),
        Column::new("created_at", "t.created_at", Kind::Time),
        Column::new("updated_at", "t.updated_at", Kind::Time),
    ],
    visible: OWN,
    writable: OWN,
    owner: "t.user_id",
    seq: "t.updated_at",
    end: "FALSE",
    filters: &[
        Filter { name: "user", also: &["user_id"], rule: FilterRule::Users("t.user_id IN ({ids})") },
        Filter { name: "active", also: &[], rule: FilterRule::Flag("t.active") },
        Filter { name: "standing", also: &[], rule: FilterRule::Flag("t.standing") },
        Filter { name: "date", also: &[], rule: FilterRule::Date("t.created_at") },
    ],
    search: Search::Contains("t.url"),
    sorts: &[NEWEST, OLDEST],
};

pub static DELIVERIES: Spec = Spec {
    name: "deliveries",
    from: "deliveries t JOIN events e ON e.id = t.event_id JOIN webhooks w ON w.id = t.webhook_id",
    key: "t.id",
    columns: &[
        Column::new("id", "t.id", Kind::LooseId),
        Column::new("event_id", "e.event_id", Kind::Text),
        Column::new("type", "e.type", Kind::Text),
        Column::new("task_id", "e.task_id", Kind::LooseId),
        Column::new("status", "t.status", Kind::Text),
        Column::new("attempts", "t.log", Kind::Json),
        Column::new("next_at", "iif(t.status = 'pending', max(t.next_at, t.created_at), NULL)", Kind::Time),
        Column::new("created_at", "t.created_at", Kind::Time),
        Column::new("updated_at", "t.updated_at", Kind::Time),
    ],
    visible: "(w.user_id = ?1 OR (SELECT admin FROM users WHERE id = ?1) = 1)",
    writable: "(w.user_id = ?1 OR (SELECT admin FROM users WHERE id = ?1) = 1)",
    owner: "w.user_id",
    seq: "t.updated_at",
    end: "FALSE",
    filters: &[
        Filter { name: "status", also: &[], rule: FilterRule::OneOf("t.status", STATUSES) },
        Filter { name: "type", also: &[], rule: FilterRule::OneOf("e.type", domain::webhook::EVENTS) },
        Filter { name: "task", also: &["task_id"], rule: FilterRule::Ids("e.task_id IN ({ids})") },
        Filter { name: "date", also: &[], rule: FilterRule::Date("t.created_at") },
    ],
    search: Search::None,
    sorts: &[NEWEST, OLDEST],
};

const STATUSES: &[(&str, &[&str])] = &[("pending", &[]), ("delivered", &[]), ("failed", &[])];

/// Fails the batch with `conflict` when the user now has more than one may have.
pub fn not_too_many(scope: Scope) -> Stmt {
    scope.stmt(
        "INSERT INTO guard SELECT 'conflict', (SELECT count(*) FROM webhooks WHERE user_id = ?1 AND standing = 1) <= ?3",
        [MAX.into()],
    )
}

pub fn insert(scope: Scope, webhook: &NewWebhook) -> Stmt {
    scope.stmt(
        "INSERT INTO webhooks (user_id, url, events, created_at, updated_at) VALUES (?1, ?3, ?4, ?2, ?2)",
        [webhook.url.as_str().into(), webhook.events.as_str().into()],
    )
}

/// What it stops being told, it is not told later either. Another address begins without failures.
pub fn change(scope: Scope, id: i64, patch: &WebhookPatch) -> Vec<Stmt> {
    let url = patch.url.as_deref();
    let mut stmts = vec![scope.stmt(
        "UPDATE webhooks SET failures = iif(coalesce(?4, url) = url, failures, 0), url = coalesce(?4, url), \
         events = coalesce(?5, events), active = coalesce(?6, active), updated_at = max(?2, updated_at + 1) WHERE id = ?3",
        [id.into(), url.into(), patch.events.as_deref().into(), patch.active.into()],
    )];
    if patch.active == Some(false) {
        stmts.push(store::webhooks::silence(scope, id));
    }
    stmts
}

pub fn delete(scope: Scope, id: i64) -> Stmt {
    scope.stmt("DELETE FROM webhooks WHERE id = ?3", [id.into()])
}

/// The next secret; the one before goes on signing for a while. Fails with `too_many` when many already do.
pub fn rotate(scope: Scope, id: i64) -> [Stmt; 2] {
    const STANDING: &str = "FROM json_each(webhooks.retired) r WHERE json_extract(r.value, '$.until') > ?2";
    [
        scope.stmt(
            format!(
                "INSERT INTO guard SELECT 'too_many', (SELECT count(*) {STANDING}) < ?4 FROM webhooks WHERE id = ?3"
            ),
            [id.into(), MAX_RETIRED.into()],
        ),
        scope.stmt(
            format!(
                "UPDATE webhooks SET version = version + 1, updated_at = max(?2, updated_at + 1), \
                 retired = json_insert((SELECT json_group_array(json(r.value)) {STANDING}), '$[#]', \
                 json_object('version', version, 'until', CAST(?2 + ?4 AS INTEGER))) WHERE id = ?3"
            ),
            [id.into(), OVERLAP.into()],
        ),
    ]
}

/// The version of a webhook of the caller's own: nobody else is shown its secret.
pub fn own_version(scope: Scope, id: i64) -> [Stmt; 2] {
    [
        scope.stmt(
            "INSERT INTO guard SELECT 'forbidden', EXISTS (SELECT 1 FROM webhooks WHERE id = ?3 AND user_id = ?1)",
            [id.into()],
        ),
        scope.stmt("SELECT version FROM webhooks WHERE id = ?3", [id.into()]),
    ]
}

/// Delivers again at once, with all its tries before it. Fails with `not_found` unless it is a delivery of this webhook.
pub fn replay(scope: Scope, webhook: i64, delivery: i64) -> [Stmt; 3] {
    let ids = || [delivery.into(), webhook.into()];
    [
        scope.stmt(
            "INSERT INTO guard SELECT 'not_found', EXISTS (SELECT 1 FROM deliveries WHERE id = ?3 AND webhook_id = ?4)",
            ids(),
        ),
        scope.stmt(
            "INSERT INTO guard SELECT 'conflict', EXISTS (SELECT 1 FROM webhooks WHERE id = ?4 AND active = 1)",
            ids(),
        ),
        scope.stmt(
            "UPDATE deliveries SET status = 'pending', tries = 0, next_at = 0, updated_at = max(?2, updated_at + 1) \
             WHERE id = ?3 AND webhook_id = ?4",
            ids(),
        ),
    ]
}
