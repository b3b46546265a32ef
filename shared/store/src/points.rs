//! Tasks in the words of the points task API (API.md §3). Its own tasks have a number, and only their owner sees them
//! there; times are those of Shanghai, without a zone, and links carry the origin the task was submitted to. What was
//! charged for them stands in `ledger`.

use domain::Profile;

use crate::ledger::spendable;
use crate::spec::{Column, Filter, FilterRule, Kind, Search, Sort, Spec};

pub static POINTS: Spec = Spec {
    name: "points-tasks",
    from: "tasks t",
    key: "t.id",
    columns: &[
        Column::new("taskNo", "t.task_no", Kind::Text),
        Column::new("modelName", "t.model_name", Kind::Text),
        Column::new("status", STATUS, Kind::Text),
        Column::new("taskType", "t.task_type", Kind::Text),
        Column::new("progress", "t.progress", Kind::Int),
        Column::new("promptSnippet", SNIPPET, Kind::Text),
        Column::new("imageUrl", IMAGE_URL, Kind::Text),
        Column::new("resultUrl", RESULT_URL, Kind::Text),
        Column::new("resultUrls", RESULT_URLS, Kind::Json),
        Column::new(
            "createTime",
            "strftime('%Y-%m-%dT%H:%M:%S', t.created_at / 1000 + 28800, 'unixepoch')",
            Kind::Text,
        ),
        Column::new(
            "completeTime",
            "strftime('%Y-%m-%dT%H:%M:%S', t.finished_at / 1000 + 28800, 'unixepoch')",
            Kind::Text,
        ),
        Column::new("errorMessage", ERROR_MESSAGE, Kind::Text),
        Column::new("points", "t.cost", Kind::Int),
        Column::new("seq", "t.seq", Kind::Int),
    ],
    visible: "t.user_id = ?1 AND t.task_no IS NOT NULL",
    writable: "t.user_id = ?1",
    owner: "t.user_id",
    seq: "t.seq",
    end: "t.status IN ('success', 'error')",
    filters: &[
        Filter {
            name: "taskType",
            also: &["task_type"],
            rule: FilterRule::OneOf("t.task_type", &[("text_to_image", &[]), ("image_to_image", &[])]),
        },
        Filter { name: "status", also: &[], rule: FilterRule::OneOf(STATUS, STATUSES) },
    ],
    search: Search::None,
    sorts: &[Sort { name: "createTime", also: &[], sql: "t.created_at", descending: true }],
};

/// What watchers who came by that API are told of a change, as an SQL expression over the row of `spec`: a task of its
/// own, or the news that one of the user's tasks has ended; NULL of anything else.
pub fn words(spec: &Spec) -> String {
    match spec.name {
        "tasks" => format!("iif(t.task_no IS NULL, NULL, {})", POINTS.object(Profile::Points)),
        "notifications" => format!(
            "json_object('type', 'task', 'taskNo', json_extract(t.body, '$.data.task_no'), \
             'taskId', json_extract(t.body, '$.data.id'), \
             'status', iif(json_extract(t.body, '$.data.status') = 'success', 'completed', 'failed'), \
             'resultUrl', json_extract(t.body, '$.data.data.images[0].url'), \
             'errorMessage', (SELECT {ERROR_MESSAGE} FROM (SELECT json_extract(t.body, '$.data.error.code') AS error_code) t), \
             'balance', {}, 'seq', t.id)",
            spendable("t.user_id")
        ),
        _ => "NULL".into(),
    }
}

/// The same as a watch begins: of notifications, how things stand.
pub fn first(spec: &Spec) -> String {
    match spec.name {
        "notifications" => format!(
            "json_object('type', 'snapshot', 'userId', t.user_id, 'balance', {}, 'running', \
             (SELECT count(*) FROM tasks r WHERE r.user_id = t.user_id AND r.finished_at IS NULL), 'seq', coalesce(t.id, 0))",
            spendable("t.user_id")
        ),
        _ => words(spec),
    }
}

const STATUSES: &[(&str, &[&str])] =
    &[("created", &[]), ("queued", &[]), ("processing", &[]), ("completed", &[]), ("failed", &[])];

const STATUS: &str = "CASE t.status WHEN 'waiting' THEN 'queued' WHEN 'running' THEN 'processing' \
    WHEN 'success' THEN 'completed' WHEN 'error' THEN 'failed' ELSE 'created' END";

const SNIPPET: &str = "(substr(json_extract(t.params, '$.prompt'), 1, 20) \
    || iif(length(json_extract(t.params, '$.prompt')) > 20, '...', ''))";

/// As it was given: nothing, one address, or several as the text of a JSON array.
const IMAGE_URL: &str = "CASE coalesce(json_array_length(t.params, '$.from_images'), 0) WHEN 0 THEN NULL \
    WHEN 1 THEN json_extract(t.params, '$.from_images[0]') ELSE json_extract(t.params, '$.from_images') || '' END";

/// What there is of the result now: pictures deleted since are gone.
const RESULT_URL: &str =
    "(SELECT t.origin || '/files/' || i.key FROM images i WHERE i.task_id = t.id ORDER BY i.task_index LIMIT 1)";

const RESULT_URLS: &str = "(SELECT json_group_array(t.origin || '/files/' || i.key) \
    FROM (SELECT key FROM images WHERE task_id = t.id ORDER BY task_index) i)";

const ERROR_MESSAGE: &str = "CASE t.error_code WHEN 'canceled' THEN '任务已取消，积分已退还' \
    WHEN 'timeout' THEN '任务超时，积分已退还' \
    WHEN 'image_unreachable' THEN '参考图无法访问或超过 20 MB，积分已退还' \
    WHEN 'invalid_image' THEN '参考图不是可读取的图片（PNG、JPEG、WebP），积分已退还' \
    WHEN 'image_too_large' THEN '参考图过大，积分已退还' \
    ELSE iif(t.error_code IS NULL, NULL, '生成失败，积分已退还') END";
