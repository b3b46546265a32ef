//! `/api/points-config`: the price list. A row is a model of the points API: its price, the aspect ratio of its images
//! and the defaults behind it. Everyone reads the list, administrators change it. One enabled row of each task type is
//! `standard`: the price of tasks that name no model. Rows are used by `store::task_order` and `functions/points`.

mod api;
mod model;
mod sql;
#[cfg(test)]
mod tests;

use web::{App, Dialect, FormData, Operation, Routes};

use crate::model::{NewPrice, PricePatch};
use crate::sql::PRICES;

const LIST: Operation = Operation::list("/api/points-config", &PRICES, "List the models and their prices");
const CREATE: Operation = Operation::create(
    "/api/points-config",
    &PRICES,
    &NewPrice::FORM,
    "Add a model, as an administrator; a standard one replaces the standard of its type",
);
const READ: Operation =
    Operation::read("/api/points-config/{id}", &PRICES, "Read a model and its price, or watch it over a WebSocket");
const UPDATE: Operation = Operation::update(
    "/api/points-config/{id}",
    &PRICES,
    &PricePatch::FORM,
    "Change a model, as an administrator; tasks that wait keep their cost",
);
const DELETE: Operation =
    Operation::delete("/api/points-config/{id}", "Delete a model, as an administrator; its tasks stay as they are");

/// The operations.
pub fn routes() -> App {
    Routes::new("points-config", Dialect::Plain)
        .on(LIST, api::list)
        .on(CREATE, api::create)
        .on(READ, api::read)
        .on(UPDATE, api::update)
        .on(DELETE, api::delete)
        .build()
}

edge::entry!(crate::routes);
