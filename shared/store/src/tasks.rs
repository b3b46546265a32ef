//! The life of a task in SQL. Every transition is a compare-and-set, so that whatever arrives late, twice, out of order
//! or forged finds no row to change. The states are in `domain::task`, the protocol in `protocol::runner`, an
//! executable specification in `testkit::spec::task_life`.

mod claim;
mod end;
mod news;
mod progress;
mod result;
mod training;

pub use claim::{claim, require_lease, require_registration};
pub use end::{cancel, cancel_where, delete, discard_objects, end_at_once, expire, fail, hint_again, time_out};
pub use news::News;
pub use progress::{progress, record_object};
pub use result::succeed;
pub use training::{
    begin_upload, complete_upload, dataset_image, dataset_page, dataset_settled, require_training, store_state,
    stored_state, trained, upload,
};

use domain::{Lang, task_errors};

use crate::points_api::TASK_RENDERING;
use crate::query::literal;
use crate::shape::{self, Shape};
use crate::spec::{Column, Kind, OWN, Spec};
use crate::visible::Visible;

/// A task as its watchers see it.
pub static FRAMES: Spec = Spec {
    name: "tasks",
    from: "tasks t",
    columns: &[
        Column::new("id", "t.id", Kind::VersionedId),
        Column::new("status", "t.status", Kind::TaskStatus),
        Column::new("progress", "t.progress", Kind::Int),
        Column::new("data", "t.data", Kind::Json(&shape::TASK_DATA)),
        Column::localized("error", error, Kind::Json(&Shape::Nullable(&shape::ERROR))),
        Column::new("seq", "t.seq", Kind::Int),
    ],
    visible: Visible::Own,
    writable: OWN,
    owner: "t.user_id",
    seq: "t.seq",
    end: "t.status IN ('success', 'error')",
    renderings: &[TASK_RENDERING],
    ..Spec::EMPTY
};

/// `{code, message}` of a task `t` that ended in an error, or null, as an SQL expression.
pub fn error(lang: Lang) -> String {
    let texts: Vec<String> = task_errors::ALL
        .iter()
        .map(|error| format!("WHEN {} THEN {}", literal(error.code), literal(error.text.of(lang))))
        .collect();
    format!(
        "iif(t.error_code IS NULL, 'null', json_object('code', t.error_code, \
         'message', CASE t.error_code {} ELSE t.error_message END))",
        texts.join(" ")
    )
}
