//! A resource as data: its columns, who sees a row, who may change it, and how lists of it are filtered, searched and
//! sorted. `list` compiles it into SQL, `web::openapi` documents it.
//!
//! All SQL here is written by us and fixed at compile time. Fragments may use `:me`, the caller's user id (0 when
//! anonymous), and `:now`. The row's table has the alias `t`.

use domain::{Choices, Lang};

use crate::api_version::ApiVersion;
use crate::query::Scope;
use crate::shape::Shape;
use crate::visible::Visible;

/// A resource.
pub struct Spec {
    /// As in the path: `tags`.
    pub name: &'static str,
    /// `tags t`, with joins if need be.
    pub from: &'static str,
    /// The unique column that breaks ties and names a row: `t.id`.
    pub key: &'static str,
    /// In the order of the reply's keys.
    pub columns: &'static [Column],
    /// The rows the caller may see.
    pub visible: Visible,
    /// The rows that anybody may see; `TRUE` for all.
    pub only: &'static str,
    /// There are never many rows, so no list of them needs an index.
    pub few: bool,
    /// `row_counts` knows the number of rows of every user.
    pub counted: bool,
    /// The visible rows the caller may change.
    pub writable: &'static str,
    /// The user id of a row's owner, for frames.
    pub owner: &'static str,
    /// Grows with every change of a row.
    pub seq: &'static str,
    /// True when the row will never change again.
    pub end: &'static str,
    /// Query parameters that narrow a list.
    pub filters: &'static [Filter],
    /// How `search` works.
    pub search: Search,
    /// The first is the default.
    pub sorts: &'static [Sort],
    /// Renderings of frames for the owner, beside those of the two API versions.
    pub renderings: &'static [Rendering],
}

impl Spec {
    /// A resource that everyone sees and nobody changes, without columns: for `..Spec::EMPTY`.
    pub const EMPTY: Spec = Spec {
        name: "",
        from: "",
        key: "t.id",
        columns: &[],
        visible: Visible::All,
        only: "TRUE",
        few: false,
        counted: false,
        writable: "FALSE",
        owner: "0",
        seq: "t.updated_at",
        end: "FALSE",
        filters: &[],
        search: Search::None,
        sorts: &[],
        renderings: &[],
    };
}

/// Frames in the words of another API. Each field is an SQL expression of JSON text over the row, NULL where the row
/// has no such frame.
pub struct Rendering {
    /// Names the rendering in `domain::room`.
    pub name: &'static str,
    /// The current state, as a watch begins.
    pub snapshot: fn() -> String,
    /// A change.
    pub change: fn() -> String,
}

/// Newest first; the table calls the column `created_at`.
pub const NEWEST: Sort =
    Sort { name: "createdAt", aliases: &["date-", "created_at"], sql: "t.created_at", descending: true };
/// Oldest first.
pub const OLDEST: Sort = Sort { name: "date+", aliases: &[], sql: "t.created_at", descending: false };
/// By name.
pub const BY_NAME: Sort = Sort { name: "name", aliases: &[], sql: "t.name", descending: false };

/// `user`, for tables with a `user_id`.
pub const USER_FILTER: Filter = Filter { name: "user", aliases: &["user_id"], rule: FilterRule::Owner };
/// `date`, for tables with a `created_at`.
pub const DATE_FILTER: Filter = Filter { name: "date", aliases: &[], rule: FilterRule::Date("t.created_at") };
/// `public`, for tables with that column.
pub const PUBLIC_FILTER: Filter = Filter { name: "public", aliases: &[], rule: FilterRule::Public };

/// The condition that the caller is an administrator.
pub const ADMIN: &str = Visible::Admins.condition();

/// The condition that the row is the caller's own, or the caller an administrator.
pub const OWN: &str = Visible::Own.condition();

/// The condition that the row is public, the caller's own, or the caller an administrator.
pub const PUBLIC_OR_OWN: &str = Visible::PublicOrOwn.condition();

/// `PUBLIC_OR_OWN` for a table with another alias than `t`, as a literal for `concat!`.
#[macro_export]
macro_rules! public_or_own {
    ($alias:literal) => {
        concat!(
            "(",
            $alias,
            ".public = 1 OR ",
            $alias,
            ".user_id = :me OR (SELECT admin FROM users WHERE id = :me) = 1)"
        )
    };
}

/// One key of the reply.
pub struct Column {
    /// snake_case; v0 shows it in camelCase.
    pub name: &'static str,
    /// The value.
    pub sql: ColumnSql,
    /// How the value is shown.
    pub kind: Kind,
}

/// The SQL expression of a column.
pub enum ColumnSql {
    /// The same for every caller.
    Fixed(&'static str),
    /// With texts in the caller's language.
    Localized(fn(Lang) -> String),
}

/// How a column is shown in JSON.
#[derive(Clone, Copy)]
pub enum Kind {
    /// A whole number.
    Int,
    /// A number.
    Real,
    /// A string.
    Text,
    /// 0 or 1, shown as a boolean.
    Bool,
    /// Milliseconds, shown in RFC 3339.
    Time,
    /// Milliseconds, shown as `2026-11-20T18:46:37` in Shanghai: without a zone, as the points API wants it.
    ShanghaiTime,
    /// JSON text, shown as the JSON it holds.
    Json(&'static Shape),
    /// An id: a number in v1, a string of digits in v0.
    VersionedId,
    /// `user_id` in v1, `user: {id, user_name}` in v0. The column's name must be `user_id`.
    User,
    /// `article_id` in v1, `article: {id, title}` or null in v0. The column's name must be `article_id`.
    Article,
    /// A task's status; v0 knows only waiting, running, success and error.
    TaskStatus,
}

/// One query parameter that narrows a list.
pub struct Filter {
    /// Its name.
    pub name: &'static str,
    /// Other names it is known by.
    pub aliases: &'static [&'static str],
    /// How its value is read.
    pub rule: FilterRule,
}

/// How a filter's value is read, and the condition it becomes.
pub enum FilterRule {
    /// The users whose the rows are, or `me`. The table has `user_id`.
    Owner,
    /// The column `public`.
    Public,
    /// A condition in which `{ids}` stands for a set of user ids; the value may also be `me`.
    Users(&'static str),
    /// A condition in which `{ids}` stands for a set of ids.
    Ids(&'static str),
    /// A condition in which `{ids}` and `{names}` stand for the values that are digits and those that are words.
    IdsOrNames(&'static str),
    /// As `IdsOrNames`. A list that is filtered by one value and nothing else is read from the table of the link.
    Linked(&'static str, &'static Link),
    /// A column of 0 or 1.
    Flag(&'static str),
    /// A column and its values.
    OneOf(&'static str, Choices),
    /// A column of milliseconds.
    Date(&'static str),
}

/// A table that says which values the rows of a resource have, such as the tags of images. It repeats `public`,
/// `user_id` and `created_at` of the rows, and has an index of each value's rows in the order of their creation.
pub struct Link {
    /// `image_tags`
    pub table: &'static str,
    /// Its column of the rows' ids.
    pub row: &'static str,
    /// Its column of the values' ids.
    pub value: &'static str,
    /// The table of the values, which have `id` and `name`.
    pub values: &'static str,
    /// The table that counts the rows of each value, by `user_id` (0: all) and `public`.
    pub counts: &'static str,
}

/// How `search` looks for words.
pub enum Search {
    /// Not at all.
    None,
    /// The words occur in this expression.
    Contains(&'static str),
    /// A condition in which `{match}` stands for the FTS5 expression over character pairs.
    Pairs(&'static str),
}

/// One order of a list.
pub struct Sort {
    /// Its name.
    pub name: &'static str,
    /// Other names it is known by.
    pub aliases: &'static [&'static str],
    /// Never NULL. Numbers with fractions must be a column of type REAL: see `cursor`.
    pub sql: &'static str,
    /// Largest first.
    pub descending: bool,
}

impl Spec {
    /// The SQL expression of one row as a JSON object, in the caller's version and language.
    ///
    /// D1 allows 32 arguments to a function, so wide rows are made of several objects spliced as text.
    pub fn object(&self, scope: Scope) -> String {
        let mut parts = self.columns.chunks(15).map(|columns| {
            let pairs: Vec<String> = columns.iter().map(|c| c.pair(scope.version, scope.lang)).collect();
            format!("json_object({})", pairs.join(", "))
        });
        let Some(first) = parts.next() else { return "json_object()".into() };
        parts.fold(first, |all, more| format!("(substr({all}, 1, length({all}) - 1) || ',' || substr({more}, 2))"))
    }
}

impl Column {
    /// A column.
    pub const fn new(name: &'static str, sql: &'static str, kind: Kind) -> Column {
        Column { name, sql: ColumnSql::Fixed(sql), kind }
    }

    /// A column with texts in the caller's language.
    pub const fn localized(name: &'static str, sql: fn(Lang) -> String, kind: Kind) -> Column {
        Column { name, sql: ColumnSql::Localized(sql), kind }
    }

    /// `'key', value`
    fn pair(&self, version: ApiVersion, lang: Lang) -> String {
        let sql = match &self.sql {
            ColumnSql::Fixed(sql) => sql.to_string(),
            ColumnSql::Localized(sql) => sql(lang),
        };
        let mut key = version.key(self.name);
        let value = match (self.kind, version) {
            (Kind::Int | Kind::Real | Kind::Text, _)
            | (Kind::VersionedId | Kind::User | Kind::Article | Kind::TaskStatus, ApiVersion::V1) => sql,
            (Kind::Bool, _) => format!("json(iif({sql}, 'true', 'false'))"),
            (Kind::Time, _) => format!("strftime('%Y-%m-%dT%H:%M:%fZ', {sql} / 1000.0, 'unixepoch')"),
            (Kind::ShanghaiTime, _) => shanghai_time(&sql),
            (Kind::Json(_), _) => format!("json({sql})"),
            (Kind::VersionedId, ApiVersion::V0) => format!("CAST({sql} AS TEXT)"),
            (Kind::User, ApiVersion::V0) => {
                key = "user".into();
                format!("json_object('id', {sql}, 'user_name', (SELECT name FROM users WHERE id = {sql}))")
            }
            (Kind::Article, ApiVersion::V0) => {
                key = "article".into();
                let object = "SELECT json_object('id', a.id, 'title', a.title) FROM articles a";
                format!("json(({object} WHERE a.id = {sql}))")
            }
            (Kind::TaskStatus, ApiVersion::V0) => format!("iif({sql} IN ('initial', 'ready'), 'waiting', {sql})"),
        };
        format!("'{key}', {value}")
    }
}

/// An SQL expression of milliseconds as the points API shows times.
pub fn shanghai_time(sql: &str) -> String {
    format!("strftime('%Y-%m-%dT%H:%M:%S', {sql} / 1000 + 28800, 'unixepoch')")
}
