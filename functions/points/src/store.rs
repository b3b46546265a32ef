//! The SQL of models, and of what a user has and had of points.

use domain::Error;
use domain::messages::UNKNOWN_MODEL;
use ports::{Rows, Stmt};
use serde_json::Value;
use store::ledger::spendable;
use store::models::{CHECKPOINT, WHOLE};
use store::points;
use store::webhooks::NOTIFICATIONS;
use store::{Column, Filter, FilterRule, Kind, Scope, Search, Sort, Spec};

use crate::model::Model;

/// What made a user's points more or fewer. A capture only settles what was taken at submission.
pub static ENTRIES: Spec = Spec {
    name: "points-entries",
    from: "entries t LEFT JOIN tasks k ON k.id = t.task_id LEFT JOIN grants g ON g.id = t.grant_id",
    key: "t.id",
    columns: &[
        Column::new("id", "t.id", Kind::Int),
        Column::new("type", TYPE, Kind::Text),
        Column::new("points", "iif(t.debit = t.user_id, -t.amount, t.amount)", Kind::Int),
        Column::new("taskNo", "k.task_no", Kind::Text),
        Column::new("taskId", "t.task_id", Kind::Int),
        Column::new("description", DESCRIPTION, Kind::Text),
        Column::new(
            "createTime",
            "strftime('%Y-%m-%dT%H:%M:%S', t.created_at / 1000 + 28800, 'unixepoch')",
            Kind::Text,
        ),
    ],
    visible: "t.user_id = ?1 AND t.kind <> 'capture'",
    writable: "FALSE",
    owner: "t.user_id",
    seq: "t.id",
    end: "TRUE",
    filters: &[Filter { name: "type", also: &[], rule: FilterRule::OneOf(TYPE, TYPES) }],
    search: Search::None,
    sorts: &[Sort { name: "createTime", also: &[], sql: "t.id", descending: true }],
};

const TYPES: &[(&str, &[&str])] = &[
    ("consume", &[]),
    ("refund", &[]),
    ("grant", &[]),
    ("signup", &[]),
    ("redeem", &[]),
    ("expire", &[]),
    ("forfeit", &[]),
];

const TYPE: &str =
    "CASE t.kind WHEN 'hold' THEN 'consume' WHEN 'void' THEN 'refund' WHEN 'grant' THEN g.kind ELSE t.kind END";

const DESCRIPTION: &str = "CASE t.kind WHEN 'hold' THEN '提交任务' WHEN 'void' THEN '任务未完成，积分退还' \
    WHEN 'expire' THEN '积分过期' WHEN 'grant' THEN CASE g.kind WHEN 'signup' THEN '注册赠送' \
    WHEN 'redeem' THEN '兑换码兑换' ELSE iif(g.reason = '', '管理员发放', g.reason) END ELSE '账号注销' END";

/// The model of a name, if it can be used.
pub fn model(scope: Scope, name: &str) -> Stmt {
    scope.stmt(
        format!(
            "SELECT task_type, aspect_ratio, size, defaults, (SELECT {CHECKPOINT} FROM models t \
             WHERE t.id = json_extract(defaults, '$.model_id') AND {WHOLE}) AS model \
             FROM points_config WHERE model_name = ?3 AND enabled = 1"
        ),
        [name.into()],
    )
}

/// The row of `model`.
pub fn read_model(rows: &Rows) -> Result<Model, Error> {
    let row = rows.first().ok_or_else(|| UNKNOWN_MODEL.on("modelName"))?;
    let text = |name: &str| row.text(name).unwrap_or_default();
    let defaults: Value = serde_json::from_str(text("defaults")).unwrap_or_default();
    let whole = serde_json::from_str(text("model")).ok();
    // What it is drawn with was deleted since.
    if whole.is_none() && defaults.get("model_id").is_some() {
        return Err(UNKNOWN_MODEL.on("modelName"));
    }
    Ok(Model {
        task_type: text("task_type").to_string(),
        aspect_ratio: text("aspect_ratio").to_string(),
        size: row.int("size").and_then(|n| u32::try_from(n).ok()).unwrap_or(512),
        defaults,
        whole,
    })
}

/// Width and height of one of our pictures, by the key it is stored under.
pub fn size_of(scope: Scope, key: &str) -> Stmt {
    scope.stmt(
        "SELECT width, height FROM uploads WHERE key = ?3 AND width IS NOT NULL \
         UNION ALL SELECT width, height FROM images WHERE key = ?3 LIMIT 1",
        [key.into()],
    )
}

/// What the row of `size_of` says.
pub fn read_size(rows: &Rows) -> Option<(u32, u32)> {
    let row = rows.first()?;
    let side = |name: &str| u32::try_from(row.int(name)?).ok();
    side("width").zip(side("height"))
}

/// The answer to a submission: the task inserted just before.
pub fn submitted(scope: Scope) -> Stmt {
    scope.stmt(
        "SELECT json_object('taskNo', task_no, 'status', 'queued') AS item FROM tasks WHERE id = last_insert_rowid()",
        [],
    )
}

/// Fails the batch with `not_found` unless the task is the caller's, with `conflict` when it has ended.
pub fn cancelable(scope: Scope, number: &str) -> [Stmt; 2] {
    let exists = |code: &str, more: &str| {
        let task = format!("SELECT 1 FROM tasks WHERE task_no = ?3 AND user_id = ?1{more}");
        scope.stmt(format!("INSERT INTO guard SELECT '{code}', EXISTS ({task})"), [number.into()])
    };
    [exists("not_found", ""), exists("conflict", " AND status NOT IN ('success', 'error')")]
}

/// The answer to a redeemed code: the grant inserted just before.
pub fn redeemed(scope: Scope) -> Stmt {
    scope.stmt(
        format!(
            "SELECT json_object('points', amount, 'expireTime', \
             strftime('%Y-%m-%dT%H:%M:%S', expires_at / 1000 + 28800, 'unixepoch'), 'balance', {}) AS item \
             FROM grants WHERE id = last_insert_rowid()",
            spendable("?1")
        ),
        [],
    )
}

/// What a watch of the caller's notifications begins with.
pub fn standing(scope: Scope) -> Stmt {
    let words = points::first(&NOTIFICATIONS);
    scope.stmt(format!("SELECT {words} AS item FROM {} WHERE t.user_id = ?1", NOTIFICATIONS.from), [])
}

pub fn balance(scope: Scope) -> Stmt {
    scope.stmt(
        format!(
            "SELECT json_object('userId', CAST(?1 AS INTEGER), 'balance', {}, 'expireTime', \
             (SELECT strftime('%Y-%m-%dT%H:%M:%S', min(expires_at) / 1000 + 28800, 'unixepoch') FROM grants \
             WHERE user_id = ?1 AND remaining > 0 AND expires_at > ?2)) AS item",
            spendable("?1")
        ),
        [],
    )
}
