//! `/api/webhooks`: addresses that get the events of their users' tasks, with the log of their deliveries. When and how
//! events are sent and signed is in `store::webhooks`; which addresses may be called, in `domain::url_policy`.

mod api;
mod deliveries;
mod model;
mod sql;
#[cfg(test)]
mod tests;

use store::webhooks::WEBHOOKS;
use store::{Property, Shape};
use web::{Access, App, Dialect, FormData, Operation, Replies, Routes};

use crate::model::{NewWebhook, WebhookPatch};
use crate::sql::DELIVERIES;

/// A row of `WEBHOOKS` with its secret.
const WITH_SECRET: Shape = Shape::Object(&[
    Property::new("id", Shape::Int, "A string in v0."),
    Property::new("url", Shape::Url, ""),
    Property::new("events", Shape::List(&Shape::Text), ""),
    Property::new("active", Shape::Bool, ""),
    Property::new("failing", Shape::Bool, "The last try failed."),
    Property::new("standing", Shape::Bool, "False for the webhook of a single task."),
    VERSION,
    Property::new("user_id", Shape::Int, "`user: {id, user_name}` in v0."),
    Property::new("created_at", Shape::Time, ""),
    Property::new("updated_at", Shape::Time, ""),
    SECRET_TEXT,
]);

const SECRET_TEXT: Property = Property::new("secret", Shape::Text, "`whsec_…`, as Standard Webhooks writes it.");

const VERSION: Property = Property::new("version", Shape::Int, "Of the secret; grows with each rotation.");

const SECRET: Shape = Shape::Object(&[SECRET_TEXT, VERSION]);

const CREATE: Operation = Operation {
    replies: Replies::Json { status: 201, about: "The new webhook, with its secret", shape: &WITH_SECRET },
    ..Operation::create("/api/webhooks", &WEBHOOKS, &NewWebhook::FORM, "Create a webhook")
};

const ROTATE: Operation = Operation::other(
    "POST",
    "/api/webhooks/{id}/rotate",
    "Replace the secret; for 24 hours deliveries carry the signatures of the old one too",
    Replies::Json { status: 200, about: "The webhook, with its new secret", shape: &WITH_SECRET },
)
.secured();

const READ_SECRET: Operation = Operation::other(
    "GET",
    "/api/webhooks/{id}/secret",
    "Read the secret that signs deliveries (Standard Webhooks), as the owner",
    Replies::Json { status: 200, about: "The current secret", shape: &SECRET },
)
.secured()
// Whoever has it can sign as the platform: more than reading.
.needs(Access::Write);

const REPLAY: Operation = Operation::other(
    "POST",
    "/api/webhooks/{id}/deliveries/{delivery}/replay",
    "Deliver again, with the same id and body",
    Replies::Item(&DELIVERIES),
)
.secured();

/// The operations.
pub fn routes() -> App {
    const LIST: &str = "List one's webhooks; administrators see all";
    const DELETE: &str = "Delete a webhook, its log and its pending deliveries";
    const LOG: &str = "List the deliveries of a webhook with their attempts";
    Routes::new("webhooks", Dialect::Plain)
        .on(Operation::list("/api/webhooks", &WEBHOOKS, LIST).secured(), api::list)
        .on(CREATE, api::create)
        .on(Operation::read("/api/webhooks/{id}", &WEBHOOKS, "Read a webhook").secured(), api::read)
        .on(Operation::update("/api/webhooks/{id}", &WEBHOOKS, &WebhookPatch::FORM, "Change a webhook"), api::update)
        .on(Operation::delete("/api/webhooks/{id}", DELETE), api::delete)
        .on(ROTATE, api::rotate)
        .on(READ_SECRET, api::secret)
        .on(Operation::list("/api/webhooks/{id}/deliveries", &DELIVERIES, LOG).secured(), deliveries::list)
        .on(REPLAY, deliveries::replay)
        .build()
}

edge::entry!(crate::routes);
