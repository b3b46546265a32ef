//! `/api/articles`: texts that images were published in. An article is public unless its author hides it; each reader
//! sees of its images those that they may see. An image shows its article as `article_id`.

mod api;
mod model;
mod sql;
#[cfg(test)]
mod tests;

use store::articles::ARTICLES;
use web::{App, Dialect, FormData, Operation, Routes};

use crate::model::{ArticlePatch, NewArticle};

/// The operations.
pub fn routes() -> App {
    const CREATE: &str = "Create an article of your images; an image that another article had moves to this one";
    const UPDATE: &str = "Change an article, or which images it has";
    Routes::new("articles", Dialect::Plain)
        .on(Operation::list("/api/articles", &ARTICLES, "List articles"), api::list)
        .on(Operation::create("/api/articles", &ARTICLES, &NewArticle::FORM, CREATE), api::create)
        .on(
            Operation::read("/api/articles/{id}", &ARTICLES, "Read an article, or watch it over a WebSocket"),
            api::read,
        )
        .on(Operation::update("/api/articles/{id}", &ARTICLES, &ArticlePatch::FORM, UPDATE), api::update)
        .on(Operation::delete("/api/articles/{id}", "Delete an article; its images stay"), api::delete)
        .build()
}

edge::entry!(crate::routes);
