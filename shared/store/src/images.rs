//! Images as the API shows them, and what else shows them: the choices and the article that an image is in. Must not
//! know how an image is made (`tasks`) or changed (`functions/images`).

use crate::args;
use crate::articles::ARTICLES;
use crate::choices::CHOICES;
use crate::public_or_own;
use crate::shape::{self, Shape};
use crate::spec::{Column, Filter, FilterRule, Kind, Link, Search, Spec};
use crate::spec::{DATE_FILTER, NEWEST, OLDEST, OWN, PUBLIC_FILTER, USER_FILTER};
use crate::tx::{Outcome, StmtIndex, Tx};
use crate::visible::Visible;

/// Images.
pub static IMAGES: Spec = Spec {
    name: "images",
    from: "images t",
    columns: &[
        Column::new("id", "t.id", Kind::Int),
        Column::new("name", "t.name", Kind::Text),
        Column::new("url", "'/files/' || t.key", Kind::Text),
        Column::new("width", "t.width", Kind::Int),
        Column::new("height", "t.height", Kind::Int),
        Column::new("prompt", "t.prompt", Kind::Text),
        Column::new("negative_prompt", "t.negative_prompt", Kind::Text),
        Column::new("num_inference_steps", "t.num_inference_steps", Kind::Int),
        Column::new("guidance_scale", "t.guidance_scale", Kind::Real),
        Column::new("scheduler", "t.scheduler", Kind::Text),
        Column::new("seed", "t.seed", Kind::Int),
        Column::new("from_image", "t.from_image", Kind::Text),
        Column::new("strength", "t.strength", Kind::Real),
        Column::new("model_id", "t.model_id", Kind::VersionedId),
        Column::new("loras", "t.loras", Kind::Json(&shape::LORAS)),
        Column::new("task_id", "t.task_id", Kind::VersionedId),
        Column::new("hash", "t.sha256", Kind::Text),
        Column::new("nsfw", NSFW, Kind::Json(&Shape::Nullable(&Shape::Bool))),
        Column::new("public", "t.public", Kind::Bool),
        Column::new("tags", TAGS, Kind::Json(&Shape::List(&Shape::Text))),
        Column::new("likes", "t.likes", Kind::Int),
        Column::new("user_id", "t.user_id", Kind::User),
        Column::new("article_id", ARTICLE, Kind::Article),
        Column::new("created_at", "t.created_at", Kind::Time),
        Column::new("updated_at", "t.updated_at", Kind::Time),
    ],
    visible: Visible::PublicOrOwn,
    counted: true,
    writable: OWN,
    owner: "t.user_id",
    seq: "t.updated_at + t.like_changes",
    filters: &[
        USER_FILTER,
        Filter { name: "tag", aliases: &["tags"], rule: FilterRule::Linked(TAGGED, &TAG_LINK) },
        Filter { name: "like", aliases: &["liked_by"], rule: FilterRule::Users(LIKED) },
        Filter { name: "choice", aliases: &["choice_id"], rule: FilterRule::Ids(IN_CHOICE) },
        Filter { name: "article", aliases: &["article_id"], rule: FilterRule::Ids(IN_ARTICLE) },
        Filter { name: "task", aliases: &["task_id"], rule: FilterRule::Ids("t.task_id IN ({ids})") },
        PUBLIC_FILTER,
        DATE_FILTER,
    ],
    search: Search::Pairs("t.id IN (SELECT rowid FROM images_search WHERE images_search MATCH {match})"),
    sorts: &[NEWEST, OLDEST],
    ..Spec::EMPTY
};

/// The safety checker's result; null where no safety checker ran.
const NSFW: &str = "CASE t.nsfw WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE 'null' END";

/// The names of the image's tags, sorted.
const TAGS: &str = "(SELECT json_group_array(name) FROM (SELECT g.name FROM image_tags x \
    JOIN tags g ON g.id = x.tag_id WHERE x.image_id = t.id ORDER BY g.name))";

/// Images that one of these users likes; of their newest likes.
const LIKED: &str = "t.id IN (SELECT l.image_id FROM image_likes l WHERE l.user_id IN ({ids}) \
    ORDER BY l.created_at DESC LIMIT 10000)";

/// A list by one tag is read from here.
static TAG_LINK: Link =
    Link { table: "image_tags", row: "image_id", value: "tag_id", values: "tags", counts: "tag_counts" };

/// Images that carry one of these tags.
const TAGGED: &str = "t.id IN (SELECT x.image_id FROM image_tags x JOIN tags g ON g.id = x.tag_id \
    WHERE g.id IN ({ids}) OR g.name IN ({names}))";

/// The article of the image, if the caller sees that too.
const ARTICLE: &str = concat!("(SELECT a.id FROM articles a WHERE a.id = t.article_id AND ", public_or_own!("a"), ")");

/// Images in one of these choices that the caller sees.
const IN_CHOICE: &str = concat!(
    "t.id IN (SELECT x.image_id FROM choices c JOIN choice_images x ON x.choice_id = c.id \
     WHERE c.id IN ({ids}) AND ",
    public_or_own!("c"),
    ")"
);

/// Images of these articles that the caller sees.
const IN_ARTICLE: &str =
    concat!("t.article_id IN (SELECT a.id FROM articles a WHERE a.id IN ({ids}) AND ", public_or_own!("a"), ")");

/// The most choices of an image whose watchers are told that it was hidden, shown or deleted.
const MAX_TOLD: i64 = 100;

/// The rows that show an image.
pub struct Shown {
    choices: StmtIndex,
    article: StmtIndex,
}

/// Adds the query of what shows an image. It must come before the image is hidden, shown or deleted, which changes the
/// count of its choices and the list of its article.
pub fn shown_in(tx: &mut Tx, id: i64) -> Shown {
    Shown {
        choices: tx.exec(
            "SELECT choice_id AS id FROM choice_images WHERE image_id = :id ORDER BY choice_id DESC LIMIT :limit",
            args! { id, limit: MAX_TOLD },
        ),
        article: tx.exec(
            "UPDATE articles SET updated_at = max(:now, updated_at + 1) \
             WHERE id = (SELECT article_id FROM images WHERE id = :id) RETURNING id",
            args! { id },
        ),
    }
}

impl Shown {
    /// The rows to publish.
    pub fn read(&self, outcome: &Outcome) -> [(&'static Spec, Vec<i64>); 2] {
        [(&CHOICES, outcome.ids(self.choices)), (&ARTICLES, outcome.ids(self.article))]
    }
}
