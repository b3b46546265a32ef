//! Tasks in the words of the points API (docs/API.md §3), and its rendering of frames. Only a task submitted there has
//! a number, and only its owner sees it there. Times are those of Shanghai, without a zone; links carry the origin the
//! task was submitted to. What was charged is in `ledger`.

use domain::{Choices, Lang, Millis, task_errors};

use crate::api_version::ApiVersion;
use crate::ledger::spendable;
use crate::query::{Scope, literal};
use crate::shape::Shape;
use crate::spec::{Column, Filter, FilterRule, Kind, Rendering, Sort, Spec};
use crate::visible::Visible;

/// Tasks of the points API.
pub static POINTS_TASKS: Spec = Spec {
    name: "points-tasks",
    from: "tasks t",
    columns: &[
        Column::new("taskNo", "t.task_no", Kind::Text),
        Column::new("modelName", "t.model_name", Kind::Text),
        Column::new("status", STATUS, Kind::Text),
        Column::new("taskType", "t.task_type", Kind::Text),
        Column::new("progress", "t.progress", Kind::Int),
        Column::new("promptSnippet", SNIPPET, Kind::Text),
        Column::new("imageUrl", IMAGE_URL, Kind::Text),
        Column::new("resultUrl", RESULT_URL, Kind::Text),
        Column::new("resultUrls", RESULT_URLS, Kind::Json(&Shape::List(&Shape::Url))),
        Column::new("createTime", "t.created_at", Kind::ShanghaiTime),
        Column::new("completeTime", "t.finished_at", Kind::ShanghaiTime),
        Column::localized("errorMessage", error_message, Kind::Text),
        Column::new("points", "t.cost", Kind::Int),
        Column::new("seq", "t.seq", Kind::Int),
    ],
    visible: Visible::Where("t.user_id = :me AND t.task_no IS NOT NULL"),
    writable: "t.user_id = :me",
    owner: "t.user_id",
    seq: "t.seq",
    end: "t.status IN ('success', 'error')",
    filters: &[
        Filter {
            name: "taskType",
            aliases: &["task_type"],
            rule: FilterRule::OneOf("t.task_type", &[("text_to_image", &[]), ("image_to_image", &[])]),
        },
        Filter { name: "status", aliases: &[], rule: FilterRule::OneOf(STATUS, STATUSES) },
    ],
    sorts: &[Sort { name: "createTime", aliases: &[], sql: "t.created_at", descending: true }],
    ..Spec::EMPTY
};

/// The name of the points API's rendering.
pub const RENDERING: &str = "points";

/// The language of the points API.
pub const LANG: Lang = Lang::Hans;

/// Frames of its own tasks.
pub const TASK_RENDERING: Rendering = Rendering { name: RENDERING, snapshot: task_frame, change: task_frame };

/// Frames of a user's notifications: the balance as a watch begins, then each of their tasks that ends.
pub const NOTIFICATION_RENDERING: Rendering =
    Rendering { name: RENDERING, snapshot: notification_snapshot, change: notification };

fn task_frame() -> String {
    let scope = Scope { version: ApiVersion::V1, lang: LANG, ..Scope::system(Millis(0)) };
    format!("iif(t.task_no IS NULL, NULL, {})", POINTS_TASKS.object(scope))
}

fn notification() -> String {
    format!(
        "json_object('type', 'task', 'taskNo', json_extract(t.body, '$.data.task_no'), \
         'taskId', json_extract(t.body, '$.data.id'), \
         'status', iif(json_extract(t.body, '$.data.status') = 'success', 'completed', 'failed'), \
         'resultUrl', json_extract(t.body, '$.data.data.images[0].url'), \
         'errorMessage', (SELECT {} FROM (SELECT json_extract(t.body, '$.data.error.code') AS error_code) t), \
         'balance', {}, 'seq', t.id)",
        error_message(LANG),
        spendable("t.user_id")
    )
}

/// How the user of the row `t` stands, for the first frame of a watch and for `GET /user/notifications`.
pub fn notification_snapshot() -> String {
    format!(
        "json_object('type', 'snapshot', 'userId', t.user_id, 'balance', {}, 'running', \
         (SELECT count(*) FROM tasks r WHERE r.user_id = t.user_id AND r.finished_at IS NULL), 'seq', coalesce(t.id, 0))",
        spendable("t.user_id")
    )
}

/// `errorMessage` of a row `t` with an `error_code`, as an SQL expression.
fn error_message(lang: Lang) -> String {
    let texts: Vec<String> = task_errors::POINTS
        .iter()
        .map(|error| format!("WHEN {} THEN {}", literal(error.code), literal(error.text.of(lang))))
        .collect();
    let other = literal(task_errors::POINTS_OTHER.of(lang));
    format!("CASE t.error_code {} ELSE iif(t.error_code IS NULL, NULL, {other}) END", texts.join(" "))
}

const STATUSES: Choices =
    &[("created", &[]), ("queued", &[]), ("processing", &[]), ("completed", &[]), ("failed", &[])];

const STATUS: &str = "CASE t.status WHEN 'waiting' THEN 'queued' WHEN 'running' THEN 'processing' \
    WHEN 'success' THEN 'completed' WHEN 'error' THEN 'failed' ELSE 'created' END";

const SNIPPET: &str = "(substr(json_extract(t.params, '$.prompt'), 1, 20) \
    || iif(length(json_extract(t.params, '$.prompt')) > 20, '...', ''))";

/// Reference images as they were sent: nothing, one address, or several as the text of a JSON array.
const IMAGE_URL: &str = "CASE coalesce(json_array_length(t.params, '$.from_images'), 0) WHEN 0 THEN NULL \
    WHEN 1 THEN json_extract(t.params, '$.from_images[0]') ELSE json_extract(t.params, '$.from_images') || '' END";

/// The first image of the result that was not deleted since.
const RESULT_URL: &str =
    "(SELECT t.origin || '/files/' || i.key FROM images i WHERE i.task_id = t.id ORDER BY i.task_index LIMIT 1)";

const RESULT_URLS: &str = "(SELECT json_group_array(t.origin || '/files/' || i.key) \
    FROM (SELECT key FROM images WHERE task_id = t.id ORDER BY task_index) i)";
