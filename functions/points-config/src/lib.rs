//! `/api/points-config`: what drawing costs. A row is a model of the points tasks: its price, the shape of its pictures
//! and the defaults behind it. Everyone reads the list, administrators keep it. Of each task type one enabled row is
//! `standard`: the price of tasks that name no model. What is done with a row is in `store::queueing` and
//! `functions/points`.

mod api;
mod model;
mod store;
#[cfg(test)]
mod tests;

use web::{App, Dialect, Op, Routes};

use crate::model::{NewPrice, PricePatch};
use crate::store::PRICES;

pub fn routes() -> App {
    Routes::new("points-config", Dialect::Plain)
        .on(Op::list("/api/points-config", &PRICES, "List the models and their prices"), api::list)
        .on(
            Op::create(
                "/api/points-config",
                &PRICES,
                &NewPrice::FORM,
                "Add a model, as an administrator; as the standard of its type it takes the place of the one before",
            ),
            api::create,
        )
        .on(
            Op::read("/api/points-config/{id}", &PRICES, "Read a model and its price, or watch it over a WebSocket"),
            api::read,
        )
        .on(
            Op::update(
                "/api/points-config/{id}",
                &PRICES,
                &PricePatch::FORM,
                "Change a model, as an administrator; tasks that wait keep their cost",
            ),
            api::update,
        )
        .on(
            Op::delete("/api/points-config/{id}", "Delete a model, as an administrator; its tasks stay as they are"),
            api::delete,
        )
        .build()
}

edge::entry!(crate::routes);
