//! `/api/servers`: the machines that draw and train. A runner registers with the deployment's registration token and
//! then sends heartbeats under its own; administrators see the machines, rename and remove them.

mod api;
mod model;
mod sql;
#[cfg(test)]
mod tests;

use store::servers::SERVERS;
use store::{Property, Shape};
use web::{App, Dialect, FormData, Operation, Replies, Routes};

use crate::model::{NewHeartbeat, Registration, ServerPatch};

/// `protocol::runner::Registered`.
const REGISTERED: Shape = Shape::Object(&[
    Property::new("id", Shape::Int, "The server."),
    Property::new("runner_id", Shape::Text, "Sent as `x-runner-id` with callbacks."),
    Property::new("token", Shape::Text, "Bearer of heartbeats."),
    Property::new("secret", Shape::Text, "Signs callbacks (Standard Webhooks): `whsec_…`."),
]);

const REGISTER: Operation = Operation::other(
    "POST",
    "/api/servers/register",
    "Register a runner, with the registration token as bearer; an earlier registration of the name ends",
    Replies::Json { status: 201, about: "The registration", shape: &REGISTERED },
)
.takes(&Registration::FORM)
.machine();

const HEARTBEAT: Operation = Operation::other(
    "POST",
    "/api/servers/{id}/heartbeat",
    "Report that the runner is alive, with its own token as bearer",
    Replies::Json { status: 200, about: "An empty object", shape: &Shape::Object(&[]) },
)
.takes(&NewHeartbeat::FORM)
.machine();

/// The operations.
pub fn routes() -> App {
    const READ: &str = "Read a server, or watch it over a WebSocket; administrators only";
    const UPDATE: &str = "Change the name, port or user name of a server";
    Routes::new("servers", Dialect::Plain)
        .on(Operation::list("/api/servers", &SERVERS, "List servers; administrators only").secured(), api::list)
        .on(REGISTER, api::register)
        .on(HEARTBEAT, api::heartbeat)
        .on(Operation::read("/api/servers/{id}", &SERVERS, READ).secured(), api::read)
        .on(Operation::update("/api/servers/{id}", &SERVERS, &ServerPatch::FORM, UPDATE), api::update)
        .on(Operation::delete("/api/servers/{id}", "Delete a server and end its registration"), api::delete)
        .build()
}

edge::entry!(crate::routes);
