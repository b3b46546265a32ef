//! The shapes of replies that are no rows.

use store::{Property, Shape};

pub const SUBMITTED: Shape = Shape::Object(&[
    Property::new("taskNo", Shape::Text, "Names the task in this API."),
    Property::new("status", Shape::OneOf(&["queued"]), ""),
]);

pub const BALANCE: Shape = Shape::Object(&[
    Property::new("userId", Shape::Int, ""),
    Property::new("balance", Shape::Int, "Points that can be spent now."),
    Property::new("expireTime", EXPIRE_TIME, "When the first of them expire."),
]);

pub const REDEEMED: Shape = Shape::Object(&[
    Property::new("points", Shape::Int, "The points of the code."),
    Property::new("expireTime", EXPIRE_TIME, "When they expire."),
    Property::new("balance", Shape::Int, "Points that can be spent now."),
]);

pub const NOTIFICATION_SNAPSHOT: Shape = Shape::Object(&[
    Property::new("type", Shape::OneOf(&["snapshot"]), ""),
    Property::new("userId", Shape::Int, ""),
    Property::new("balance", Shape::Int, "Points that can be spent now."),
    Property::new("running", Shape::Int, "Tasks that have not ended."),
    Property::new("seq", Shape::Int, "Place in the order of notifications."),
]);

/// As `2026-11-20T18:46:37` in Shanghai, without a zone; null for never.
const EXPIRE_TIME: Shape = Shape::Nullable(&Shape::Text);
