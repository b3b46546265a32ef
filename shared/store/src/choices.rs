//! Choices as the API shows them. Must not know how a choice is changed (`functions/choices`).

use crate::spec::{BY_NAME, Column, DATE_FILTER, Kind, NEWEST, OLDEST, OWN, PUBLIC_FILTER, Search};
use crate::spec::{Spec, USER_FILTER};
use crate::visible::Visible;

/// Choices: collections of images.
pub static CHOICES: Spec = Spec {
    name: "choices",
    from: "choices t",
    columns: &[
        Column::new("id", "t.id", Kind::Int),
        Column::new("name", "t.name", Kind::Text),
        Column::new("info", "t.info", Kind::Text),
        Column::new("count", COUNT, Kind::Int),
        Column::new("public", "t.public", Kind::Bool),
        Column::new("user_id", "t.user_id", Kind::User),
        Column::new("created_at", "t.created_at", Kind::Time),
        Column::new("updated_at", "t.updated_at", Kind::Time),
    ],
    visible: Visible::PublicOrOwn,
    counted: true,
    writable: OWN,
    owner: "t.user_id",
    // The count also changes when an image is hidden or deleted, which leaves `updated_at` as it is.
    seq: "t.updated_at + t.count_changes",
    filters: &[USER_FILTER, PUBLIC_FILTER, DATE_FILTER],
    search: Search::Contains("(t.name || char(10) || t.info)"),
    sorts: &[NEWEST, OLDEST, BY_NAME],
    ..Spec::EMPTY
};

/// The number of images in the choice that the caller sees: at most two rows of `choice_counts`, however many images
/// there are.
const COUNT: &str = "coalesce((SELECT sum(n.images) FROM choice_counts n WHERE n.choice_id = t.id AND n.viewer IN (\
    iif((SELECT admin FROM users WHERE id = :me) = 1, -1, 0), \
    iif((SELECT admin FROM users WHERE id = :me) = 1, -1, :me))), 0)";
