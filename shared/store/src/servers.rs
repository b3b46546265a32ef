//! Servers as administrators see them. Must not know how a runner registers and reports (`functions/servers`).

use domain::task::KINDS;

use crate::shape::{Property, Shape};
use crate::spec::{ADMIN, BY_NAME, Column, DATE_FILTER, Filter, FilterRule, Kind, NEWEST, OLDEST, Search, Sort, Spec};
use crate::visible::Visible;

/// The status as administrators see it. An idle runner with a model in memory is 就緒. One that has been silent for a
/// minute is 異常, whatever it last reported.
const STATUS: &str = "CASE WHEN t.last_seen <= :now - 60000 THEN '異常' WHEN t.status = 'starting' THEN '初始化' \
    WHEN t.status = 'idle' AND EXISTS (SELECT 1 FROM json_each(t.models) m WHERE json_extract(m.value, '$.loaded')) \
    THEN '就緒' WHEN t.status = 'idle' THEN '閒置' WHEN t.status = 'working' THEN '工作中' ELSE '關閉中' END";

/// The column `models`.
pub const MODELS: Shape = Shape::List(&Shape::Object(&[
    Property::new("name", Shape::Text, ""),
    Property::new("loaded", Shape::Bool, "It is in the runner's memory."),
    Property::new("memory", Shape::Nullable(&Shape::Int), "Bytes of a loaded model."),
    Property::new("model_id", Shape::Nullable(&Shape::Int), "Null for the runner's local models."),
]));

/// The machines that work on tasks.
pub static SERVERS: Spec = Spec {
    name: "servers",
    from: "servers t",
    columns: &[
        Column::new("id", "t.id", Kind::Int),
        Column::new("name", "t.name", Kind::Text),
        Column::new("type", "iif(t.type = 'training', '訓練', '推理')", Kind::Text),
        Column::new("ip", "t.ip", Kind::Text),
        Column::new("port", "t.port", Kind::Int),
        Column::new("status", STATUS, Kind::Text),
        Column::new("username", "t.username", Kind::Text),
        Column::new("models", "t.models", Kind::Json(&MODELS)),
        Column::new("gpu", "t.gpu", Kind::Text),
        Column::new("memory", "t.memory", Kind::Int),
        Column::new("version", "t.version", Kind::Text),
        Column::new("last_seen", "t.last_seen", Kind::Time),
        Column::new("created_at", "t.created_at", Kind::Time),
        Column::new("updated_at", "t.updated_at", Kind::Time),
    ],
    // No row has an owner: administrators watch as owners, and no column depends on who asks.
    visible: Visible::Admins,
    writable: ADMIN,
    few: true,
    seq: SEQ,
    filters: &[
        Filter { name: "type", aliases: &[], rule: FilterRule::OneOf("t.type", KINDS) },
        Filter {
            name: "status",
            aliases: &[],
            rule: FilterRule::OneOf(
                STATUS,
                &[
                    ("異常", &["异常", "lost"]),
                    ("初始化", &["starting"]),
                    ("閒置", &["闲置", "idle"]),
                    ("就緒", &["就绪", "ready"]),
                    ("工作中", &["working"]),
                    ("關閉中", &["关闭中", "stopping"]),
                ],
            ),
        },
        DATE_FILTER,
    ],
    search: Search::Contains("t.name"),
    sorts: &[
        NEWEST,
        OLDEST,
        BY_NAME,
        Sort { name: "last_seen", aliases: &["lastSeen"], sql: "t.last_seen", descending: true },
    ],
    ..Spec::EMPTY
};

/// A runner that falls silent changes its status without a change of the row.
const SEQ: &str = "iif(t.last_seen <= :now - 60000, max(t.updated_at, t.last_seen + 59999), t.updated_at)";
