//! Articles as the API shows them. Must not know how an article is changed (`functions/articles`).

use crate::public_or_own;
use crate::shape::Shape;
use crate::spec::USER_FILTER;
use crate::spec::{Column, DATE_FILTER, Kind, NEWEST, OLDEST, OWN, PUBLIC_FILTER, Search, Sort, Spec};
use crate::visible::Visible;

/// Articles: texts that images were published in.
pub static ARTICLES: Spec = Spec {
    name: "articles",
    from: "articles t",
    columns: &[
        Column::new("id", "t.id", Kind::Int),
        Column::new("title", "t.title", Kind::Text),
        Column::new("body", "t.body", Kind::Text),
        Column::new("images", IMAGE_IDS, Kind::Json(&Shape::List(&Shape::Int))),
        Column::new("public", "t.public", Kind::Bool),
        Column::new("user_id", "t.user_id", Kind::User),
        Column::new("created_at", "t.created_at", Kind::Time),
        Column::new("updated_at", "t.updated_at", Kind::Time),
    ],
    visible: Visible::PublicOrOwn,
    counted: true,
    writable: OWN,
    owner: "t.user_id",
    filters: &[USER_FILTER, PUBLIC_FILTER, DATE_FILTER],
    search: Search::Pairs("t.id IN (SELECT rowid FROM articles_search WHERE articles_search MATCH {match})"),
    sorts: &[NEWEST, OLDEST, Sort { name: "title", aliases: &["name"], sql: "t.title", descending: false }],
    ..Spec::EMPTY
};

/// The ids of the article's images that the caller sees, in the order of the article.
const IMAGE_IDS: &str = concat!(
    "(SELECT json_group_array(id) FROM (SELECT i.id FROM images i WHERE i.article_id = t.id AND ",
    public_or_own!("i"),
    " ORDER BY i.article_position, i.id))"
);
