//! `/api/servers`: the machines that draw and train. A runner registers with the deployment's registration token and
//! then sends heartbeats under its own; administrators see the machines, rename and remove them.

mod api;
mod model;
mod store;
#[cfg(test)]
mod tests;

use web::{App, Dialect, Op, Replies, Routes};

use crate::model::{HEARTBEAT, REGISTER, ServerPatch};
use crate::store::SERVERS;

pub fn routes() -> App {
    let register = "Register a runner, with the registration token as bearer; an earlier registration of the name ends";
    let heartbeat = "Say that the runner lives, with its own token as bearer";
    Routes::new("servers", Dialect::Plain)
        .on(Op::list("/api/servers", &SERVERS, "List servers; administrators only").secured(), api::list)
        .on(
            Op::other(
                "POST",
                "/api/servers/register",
                register,
                Replies::Object(201, "id, token for heartbeats, secret that signs callbacks"),
            )
            .takes(&REGISTER)
            .machine(),
            api::register,
        )
        .on(
            Op::other("POST", "/api/servers/{id}/heartbeat", heartbeat, Replies::Object(200, "An empty object"))
                .takes(&HEARTBEAT)
                .machine(),
            api::heartbeat,
        )
        .on(
            Op::read("/api/servers/{id}", &SERVERS, "Read a server, or watch it over a WebSocket; administrators only")
                .secured(),
            api::read,
        )
        .on(Op::update("/api/servers/{id}", &SERVERS, &ServerPatch::FORM, "Change what people know of it"), api::update)
        .on(Op::delete("/api/servers/{id}", "Delete a server and end its registration"), api::delete)
        .build()
}

edge::entry!(crate::routes);
