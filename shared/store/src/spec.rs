//! A resource as data: its columns, who sees a row, who may change it, and how lists of it are filtered, searched and
//! sorted. One interpreter (`list`) compiles it into SQL, one (`web::openapi`) documents it.
//!
//! All SQL here is written by us and fixed at compile time. Fragments may use two standing parameters: `?1` is the
//! caller's user id (0 when anonymous), `?2` is now. The row's table is aliased `t`.

use domain::Profile;

pub struct Spec {
    /// As in the path: `tags`.
    pub name: &'static str,
    /// `tags t`, with joins if need be.
    pub from: &'static str,
    /// The unique column that breaks ties and names a row: `t.id`.
    pub key: &'static str,
    pub columns: &'static [Column],
    /// Which rows the caller may see; `TRUE` for all.
    pub visible: &'static str,
    /// Which of them the caller may change.
    pub writable: &'static str,
    /// The user id of a row's owner, for what watchers are told.
    pub owner: &'static str,
    /// Grows with every change of a row.
    pub seq: &'static str,
    /// The row will never change again.
    pub end: &'static str,
    pub filters: &'static [Filter],
    pub search: Search,
    /// The first is the default.
    pub sorts: &'static [Sort],
}

/// The orders most lists have. Their tables call the column `created_at`.
pub const NEWEST: Sort =
    Sort { name: "createdAt", also: &["date-", "created_at"], sql: "t.created_at", descending: true };
pub const OLDEST: Sort = Sort { name: "date+", also: &[], sql: "t.created_at", descending: false };
pub const BY_NAME: Sort = Sort { name: "name", also: &[], sql: "t.name", descending: false };

/// The condition that the caller is an administrator.
pub const ADMIN: &str = "(SELECT admin FROM users WHERE id = ?1) = 1";

/// The condition that the row is the caller's own, or the caller an administrator.
pub const OWN: &str = "(t.user_id = ?1 OR (SELECT admin FROM users WHERE id = ?1) = 1)";

pub struct Column {
    /// snake_case; v0 shows it in camelCase.
    pub name: &'static str,
    pub sql: &'static str,
    pub kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Int,
    Real,
    Text,
    Bool,
    /// Milliseconds, shown in RFC 3339.
    Time,
    /// JSON text, shown as what it says.
    Json,
    /// A number in v1, a string of digits in v0.
    LooseId,
    /// `user_id` in v1, `user: {id, user_name}` in v0. The column's name must be `user_id`.
    User,
    /// Task status; v0 knows only waiting, running, success and error.
    TaskStatus,
}

pub struct Filter {
    pub name: &'static str,
    /// Other names it is known by.
    pub also: &'static [&'static str],
    pub rule: FilterRule,
}

pub enum FilterRule {
    /// A condition in which `{ids}` stands for the set of ids; the value may also be `me`.
    Users(&'static str),
    /// A condition in which `{ids}` stands for the set of ids.
    Ids(&'static str),
    /// A condition in which `{ids}` and `{names}` stand for the sets given as digits and as words.
    IdsOrNames(&'static str),
    /// A column of 0 or 1.
    Flag(&'static str),
    /// A column, and its values with their other spellings.
    OneOf(&'static str, &'static [(&'static str, &'static [&'static str])]),
    /// A column of milliseconds.
    Date(&'static str),
}

pub enum Search {
    None,
    /// The text occurs in this expression.
    Contains(&'static str),
    /// A condition in which `{match}` stands for the FTS5 expression over character pairs.
    Pairs(&'static str),
}

pub struct Sort {
    pub name: &'static str,
    pub also: &'static [&'static str],
    /// Never NULL.
    pub sql: &'static str,
    pub descending: bool,
}

impl Spec {
    /// The SQL expression of one row as a JSON object, keys in the profile's style.
    ///
    /// D1 allows 32 arguments to a function, so wide rows are made of several objects spliced as text.
    pub fn object(&self, profile: Profile) -> String {
        let mut parts = self.columns.chunks(15).map(|columns| {
            let pairs: Vec<String> = columns.iter().map(|c| c.pair(profile)).collect();
            format!("json_object({})", pairs.join(", "))
        });
        let Some(first) = parts.next() else { return "json_object()".into() };
        parts.fold(first, |all, more| format!("(substr({all}, 1, length({all}) - 1) || ',' || substr({more}, 2))"))
    }
}

impl Column {
    pub const fn new(name: &'static str, sql: &'static str, kind: Kind) -> Column {
        Column { name, sql, kind }
    }

    fn pair(&self, profile: Profile) -> String {
        let sql = self.sql;
        let (mut key, value) = match (self.kind, profile) {
            (Kind::Int | Kind::Real | Kind::Text, _)
            | (Kind::LooseId | Kind::User | Kind::TaskStatus, Profile::V1 | Profile::Points) => {
                (profile.key(self.name), sql.to_string())
            }
            (Kind::Bool, _) => (profile.key(self.name), format!("json(iif({sql}, 'true', 'false'))")),
            (Kind::Time, _) => {
                (profile.key(self.name), format!("strftime('%Y-%m-%dT%H:%M:%fZ', {sql} / 1000.0, 'unixepoch')"))
            }
            (Kind::Json, _) => (profile.key(self.name), format!("json({sql})")),
            (Kind::LooseId, Profile::V0) => (profile.key(self.name), format!("CAST({sql} AS TEXT)")),
            (Kind::User, Profile::V0) => (
                "user".to_string(),
                format!("json_object('id', {sql}, 'user_name', (SELECT name FROM users WHERE id = {sql}))"),
            ),
            (Kind::TaskStatus, Profile::V0) => {
                (profile.key(self.name), format!("iif({sql} IN ('initial', 'ready'), 'waiting', {sql})"))
            }
        };
        key.insert(0, '\'');
        format!("{key}', {value}")
    }
}
