//! `/api/webhooks`: addresses users want told what becomes of their tasks, with the log of what was sent to them. What is
//! sent, when and how signed is in `store::webhooks`; which addresses are called at all, in `domain::outbound`.

mod api;
mod deliveries;
mod model;
mod store;
#[cfg(test)]
mod tests;

use web::{Access, App, Dialect, Op, Replies, Routes};

use crate::model::{NewWebhook, WebhookPatch};
use crate::store::{DELIVERIES, WEBHOOKS};

static ROTATE: Op = Op::other(
    "POST",
    "/api/webhooks/{id}/rotate",
    "A new secret, as `secret`; for 24 hours deliveries carry the signatures of the old one too",
    Replies::Item(&WEBHOOKS),
)
.secured();

static SECRET: Op = Op::other(
    "GET",
    "/api/webhooks/{id}/secret",
    "The secret deliveries are signed with (Standard Webhooks), for the owner",
    Replies::Object(200, "`secret` (`whsec_…`) and the `version` it is"),
)
.secured()
// Whoever has it can speak as us to the receiver: more than reading.
.needs(Access::Write);

static REPLAY: Op = Op::other(
    "POST",
    "/api/webhooks/{id}/deliveries/{delivery}/replay",
    "Deliver again, with the same id and body",
    Replies::Item(&DELIVERIES),
)
.secured();

pub fn routes() -> App {
    const MADE: &str = "Make a webhook; the answer holds its `secret`";
    Routes::new("webhooks", Dialect::Plain)
        .on(Op::list("/api/webhooks", &WEBHOOKS, "List one's webhooks; administrators see all").secured(), api::list)
        .on(Op::create("/api/webhooks", &WEBHOOKS, &NewWebhook::FORM, MADE), api::create)
        .on(Op::read("/api/webhooks/{id}", &WEBHOOKS, "Read a webhook").secured(), api::read)
        .on(Op::update("/api/webhooks/{id}", &WEBHOOKS, &WebhookPatch::FORM, "Change a webhook"), api::update)
        .on(Op::delete("/api/webhooks/{id}", "Delete a webhook, its log and what was still to be sent"), api::delete)
        .on(ROTATE, api::rotate)
        .on(SECRET, api::secret)
        .on(
            Op::list("/api/webhooks/{id}/deliveries", &DELIVERIES, "What was sent and how that went").secured(),
            deliveries::list,
        )
        .on(REPLAY, deliveries::replay)
        .build()
}

edge::entry!(crate::routes);
