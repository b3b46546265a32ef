//! The resources of datasets and their images: columns, who sees them, filters, sorts.

use domain::messages::{IMAGE_TOO_LARGE, IMAGE_UNREACHABLE, INVALID_IMAGE};
use domain::{Choices, Lang};

use crate::query::literal;
use crate::shape::{self, Shape};
use crate::spec::{
    BY_NAME, Column, DATE_FILTER, Filter, FilterRule, Kind, NEWEST, OLDEST, OWN, PUBLIC_FILTER, Search, Sort, Spec,
    USER_FILTER,
};
use crate::visible::Visible;

/// The address of an image `t` of a dataset: of our copy, once there is one.
pub(super) const ADDRESS: &str = "iif(t.status = 'ready', '/files/' || t.key, t.source)";

/// The addresses of the first images `i` of a dataset `t`, as a JSON list. Sources are for those who may change it.
macro_rules! addresses {
    ($limit:literal) => {
        concat!(
            "(SELECT json_group_array(url) FROM (SELECT iif(i.status = 'ready', '/files/' || i.key, i.source) AS url \
             FROM dataset_images i WHERE i.dataset_id = t.id AND i.removed_at IS NULL AND (i.status = 'ready' \
             OR t.user_id = :me OR (SELECT admin FROM users WHERE id = :me) = 1) ORDER BY i.position, i.id LIMIT ",
            $limit,
            "))"
        )
    };
}

macro_rules! columns {
    ($limit:literal) => {
        &[
            Column::new("id", "t.id", Kind::Int),
            Column::new("name", "t.name", Kind::Text),
            Column::new("info", "t.info", Kind::Text),
            Column::new("images", addresses!($limit), Kind::Json(&Shape::List(&Shape::Url))),
            Column::new("count", "t.image_count", Kind::Int),
            Column::new("pending", "t.pending_count", Kind::Int),
            Column::new("failed", "t.failed_count", Kind::Int),
            Column::new("public", "t.public", Kind::Bool),
            Column::new("user_id", "t.user_id", Kind::User),
            Column::new("created_at", "t.created_at", Kind::Time),
            Column::new("updated_at", "t.updated_at", Kind::Time),
        ]
    };
}

/// Datasets in lists and frames: with their first 20 images.
pub static DATASETS: Spec = Spec { columns: columns!("20"), ..COMMON };

/// A dataset alone: with all its images.
pub static WHOLE_DATASETS: Spec = Spec { columns: columns!("5000"), ..COMMON };

const COMMON: Spec = Spec {
    name: "datasets",
    from: "datasets t",
    visible: Visible::PublicOrOwn,
    counted: true,
    writable: OWN,
    owner: "t.user_id",
    seq: "t.updated_at + t.changes",
    filters: &[USER_FILTER, PUBLIC_FILTER, DATE_FILTER],
    search: Search::Contains("t.name || ' ' || t.info"),
    sorts: &[NEWEST, OLDEST, BY_NAME, Sort { name: "count", aliases: &[], sql: "t.image_count", descending: true }],
    ..Spec::EMPTY
};

/// The images of a dataset, for `web::RequestCtx::list_of`.
pub static DATASET_IMAGES: Spec = Spec {
    name: "dataset_images",
    from: "dataset_images t",
    columns: &[
        Column::new("id", "t.id", Kind::Int),
        Column::new("url", "iif(t.status = 'ready', '/files/' || t.key, NULL)", Kind::Text),
        Column::new("source", SOURCE, Kind::Text),
        Column::new("caption", "t.caption", Kind::Text),
        Column::new("width", "t.width", Kind::Int),
        Column::new("height", "t.height", Kind::Int),
        Column::new("size", "t.size", Kind::Int),
        Column::new("status", "t.status", Kind::Text),
        Column::localized("error", error, Kind::Json(&Shape::Nullable(&shape::ERROR))),
        Column::new("created_at", "t.created_at", Kind::Time),
    ],
    visible: Visible::Where(
        "t.removed_at IS NULL AND EXISTS (SELECT 1 FROM datasets s WHERE s.id = t.dataset_id AND (s.public = 1 \
        OR s.user_id = :me OR (SELECT admin FROM users WHERE id = :me) = 1))",
    ),
    writable: OWN,
    owner: "t.user_id",
    filters: &[Filter { name: "status", aliases: &[], rule: FilterRule::OneOf("t.status", STATUSES) }],
    sorts: &[Sort { name: "position", aliases: &[], sql: "t.position", descending: false }],
    ..Spec::EMPTY
};

/// The address that an image came from; null for those who may not change the dataset.
const SOURCE: &str = "iif(t.user_id = :me OR (SELECT admin FROM users WHERE id = :me) = 1, t.source, NULL)";

const STATUSES: Choices = &[("pending", &[]), ("ready", &[]), ("failed", &[])];

/// `{code, message}` of an image that could not be copied, or null.
fn error(lang: Lang) -> String {
    let errors = [IMAGE_UNREACHABLE.error(), INVALID_IMAGE.error(), IMAGE_TOO_LARGE.error().arg(media::MAX_PIXELS)];
    let texts = errors.map(|e| format!("WHEN {} THEN {}", literal(e.code()), literal(&e.text(lang))));
    format!(
        "iif(t.error_code IS NULL, 'null', json_object('code', t.error_code, 'message', CASE t.error_code {} END))",
        texts.join(" ")
    )
}
