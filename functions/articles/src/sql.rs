//! The SQL of changes to articles and to which images they have. `Changes` are the rows that changed with one.

use domain::search;
use serde_json::json;
use store::articles::ARTICLES;
use store::images::IMAGES;
use store::{Outcome, Query, Scope, Spec, StmtIndex, Tx, args, list};

use crate::model::{ArticlePatch, NewArticle, not_an_own_image};

/// The id of the article that this transaction has inserted: ids only grow.
const INSERTED: &str = "(SELECT max(id) FROM articles)";

/// Statements that yield the ids of rows that changed with an article.
#[derive(Default)]
pub struct Changes {
    images: Vec<StmtIndex>,
    articles: Vec<StmtIndex>,
}

impl Changes {
    /// The rows to publish.
    pub fn read(&self, outcome: &Outcome) -> [(&'static Spec, Vec<i64>); 2] {
        let ids = |stmts: &[StmtIndex]| stmts.iter().flat_map(|stmt| outcome.ids(*stmt)).collect();
        [(&IMAGES, ids(&self.images)), (&ARTICLES, ids(&self.articles))]
    }
}

pub fn insert(tx: &mut Tx, new: &NewArticle) -> Changes {
    let NewArticle { title, body, images, public } = new;
    tx.exec(
        "INSERT INTO articles (title, body, public, user_id, created_at, updated_at) \
         VALUES (:title, :body, :public, :me, :now, :now)",
        args! { title, body, public },
    );
    index(tx, INSERTED, None, Some(title), Some(body));
    let mut changes = Changes::default();
    set_images(tx, INSERTED, None, images, &mut changes);
    changes
}

/// The inserted article as a JSON object `item`.
pub fn inserted(scope: Scope) -> Query {
    list::item_where(&ARTICLES, scope, &format!("t.id = {INSERTED}"), [])
}

pub fn update(tx: &mut Tx, id: i64, patch: &ArticlePatch) -> Changes {
    let ArticlePatch { title, body, images, public } = patch;
    let mut changes = Changes::default();
    if let Some(images) = images {
        set_images(tx, ":id", Some(id), images, &mut changes);
    }
    tx.exec(
        "UPDATE articles SET title = coalesce(:title, title), body = coalesce(:body, body), \
         public = coalesce(:public, public), updated_at = max(:now, updated_at + 1) WHERE id = :id",
        args! { id, title, body, public },
    );
    index(tx, ":id", Some(id), title.as_deref(), body.as_deref());
    if title.is_some() || public.is_some() {
        // Its images show the title, to those who see the article.
        changes.images.push(tx.exec(
            "UPDATE images SET updated_at = max(:now, updated_at + 1) WHERE article_id = :id RETURNING id",
            args! { id },
        ));
    }
    changes
}

/// Deletes an article. Its images stay.
pub fn delete(tx: &mut Tx, id: i64) -> Changes {
    let mut changes = Changes::default();
    set_images(tx, ":id", Some(id), &[], &mut changes);
    tx.exec("DELETE FROM articles WHERE id = :id", args! { id });
    changes
}

/// Indexes the text of the article that `article` names, an SQL expression over `:id`. None leaves a column as it is.
fn index(tx: &mut Tx, article: &str, id: Option<i64>, title: Option<&str>, body: Option<&str>) {
    if title.is_none() && body.is_none() {
        return;
    }
    tx.exec(
        format!(
            "UPDATE articles_search SET title = coalesce(:title, title), body = coalesce(:body, body) \
             WHERE rowid = {article}"
        ),
        args! { id, title: title.map(search::index), body: body.map(search::index) },
    );
}

/// Gives the article, which `article` names as in `index`, these images in this order and no others. Fails the
/// transaction unless all are the author's. An image that another article had leaves that one.
fn set_images(tx: &mut Tx, article: &str, id: Option<i64>, images: &[i64], changes: &mut Changes) {
    let images = json!(images).to_string();
    let args = args! { id, images: &images };
    tx.guard(
        not_an_own_image(),
        &format!(
            "NOT EXISTS (SELECT 1 FROM json_each(:images) n LEFT JOIN images i ON i.id = n.value \
             WHERE i.user_id IS NOT (SELECT user_id FROM articles WHERE id = {article}))"
        ),
        args.clone(),
    );
    changes.articles.push(tx.exec(
        format!(
            "UPDATE articles SET updated_at = max(:now, updated_at + 1) WHERE id IN (SELECT i.article_id \
             FROM json_each(:images) n JOIN images i ON i.id = n.value WHERE i.article_id <> {article}) RETURNING id"
        ),
        args.clone(),
    ));
    changes.images.push(tx.exec(
        format!(
            "UPDATE images SET article_id = NULL, article_position = NULL, updated_at = max(:now, updated_at + 1) \
             WHERE article_id = {article} AND id NOT IN (SELECT value FROM json_each(:images)) RETURNING id"
        ),
        args.clone(),
    ));
    // An image that is named twice has its first place. One whose article stays has not changed.
    changes.images.push(tx.exec(
        format!(
            "UPDATE images SET article_id = {article}, article_position = n.position, \
             updated_at = iif(article_id IS {article}, updated_at, max(:now, updated_at + 1)) \
             FROM (SELECT value AS id, min(key) AS position FROM json_each(:images) GROUP BY value) n \
             WHERE images.id = n.id RETURNING id"
        ),
        args,
    ));
}
