//! The SQL of sessions.

use ::store::ledger;
use ::store::spec::{NEWEST, OLDEST};
use ::store::{Column, Filter, FilterRule, Kind, Scope, Search, Sort, Spec};
use ports::Stmt;

use crate::model::{LIFETIME_MS, SessionPatch};

/// How long a session can last from its log-in however often it is extended, and so how long its token is valid:
/// a year, and a day for clocks that differ.
pub const LONGEST_MS: i64 = 366 * 24 * 60 * 60 * 1000;

pub static SESSIONS: Spec = Spec {
    name: "sessions",
    from: "sessions t",
    key: "t.id",
    columns: &[
        Column::new("id", "t.id", Kind::Text),
        Column::new("name", "t.name", Kind::Text),
        Column::new("user_id", "t.user_id", Kind::User),
        Column::new("ip", "t.ip", Kind::Text),
        Column::new("user_agent", "t.user_agent", Kind::Text),
        Column::new("created_at", "t.created_at", Kind::Time),
        Column::new("updated_at", "t.updated_at", Kind::Time),
        Column::new("expires_at", "t.expires_at", Kind::Time),
    ],
    visible: "((t.user_id = ?1 OR (SELECT admin FROM users WHERE id = ?1) = 1) AND t.expires_at > ?2)",
    writable: "TRUE",
    owner: "t.user_id",
    seq: "t.updated_at",
    end: "FALSE",
    filters: &[
        Filter { name: "user", also: &["user_id"], rule: FilterRule::Users("t.user_id IN ({ids})") },
        Filter { name: "date", also: &[], rule: FilterRule::Date("t.created_at") },
    ],
    search: Search::Contains("(t.name || char(10) || t.user_agent)"),
    sorts: &[NEWEST, OLDEST, Sort { name: "expiresAt", also: &["expires_at"], sql: "t.expires_at", descending: false }],
};

/// Whose session is opened.
pub enum Who {
    /// The user whose password was compared with this hash.
    User { id: i64, phc: String },
    /// The administrator a deployment begins with.
    FirstAdmin { email: String, phc: String },
}

pub struct NewSession {
    pub id: String,
    pub name: String,
    pub ip: String,
    pub user_agent: String,
}

/// One row: the user of this address, if there is one, and whether there are administrators.
pub fn user(scope: Scope, email: &str) -> Stmt {
    scope.stmt(
        "SELECT u.id, u.password, EXISTS (SELECT 1 FROM users WHERE admin = 1) AS admins \
         FROM (SELECT 1) LEFT JOIN users u ON u.email = ?3",
        [email.into()],
    )
}

/// Opens a session, if the user still has that password, and removes those of theirs that have expired.
/// `welcome` is the points a new account begins with.
pub fn open(scope: Scope, who: &Who, session: &NewSession, welcome: i64) -> Vec<Stmt> {
    let insert = |whose: &str, more: [ports::Value; 2]| {
        let mut args: Vec<ports::Value> = vec![
            session.id.as_str().into(),
            session.name.as_str().into(),
            session.ip.as_str().into(),
            session.user_agent.as_str().into(),
            LIFETIME_MS.into(),
        ];
        args.extend(more);
        scope.stmt(
            format!(
                "INSERT INTO sessions (id, user_id, name, ip, user_agent, created_at, updated_at, expires_at) \
                 SELECT ?3, u.id, ?4, ?5, ?6, ?2, ?2, ?2 + ?7 FROM users u WHERE {whose}"
            ),
            args,
        )
    };
    match who {
        Who::User { id, phc } => vec![
            scope.stmt("DELETE FROM sessions WHERE user_id = ?3 AND expires_at <= ?2", [(*id).into()]),
            insert("u.id = ?8 AND u.password = ?9", [(*id).into(), phc.as_str().into()]),
        ],
        Who::FirstAdmin { email, phc } => {
            let named = || [email.as_str().into(), phc.as_str().into()];
            vec![
                // Whoever took the address before has neither the password nor, from now on, a session.
                scope.stmt(
                    "INSERT INTO users (name, email, password, admin, created_at, updated_at) \
                     SELECT 'admin', ?3, ?4, 1, ?2, ?2 WHERE NOT EXISTS (SELECT 1 FROM users WHERE admin = 1) \
                     ON CONFLICT (email) DO UPDATE SET admin = 1, password = excluded.password, \
                     updated_at = max(excluded.updated_at, updated_at + 1)",
                    named(),
                ),
                ledger::welcome(scope, welcome, email),
                scope.stmt(
                    "DELETE FROM sessions WHERE user_id = (SELECT id FROM users WHERE email = ?3 AND password = ?4)",
                    named(),
                ),
                // Of two first log-ins at once one makes the administrator, and both are let in.
                insert("u.email = ?8 AND u.admin = 1", named()),
            ]
        }
    }
}

/// The session just opened, whoever's it is.
pub fn opened(scope: Scope, id: &str) -> Stmt {
    let object = SESSIONS.object(scope.profile);
    scope.stmt(format!("SELECT {object} AS item FROM sessions t WHERE t.id = ?3"), [id.into()])
}

pub fn change(scope: Scope, id: &str, patch: &SessionPatch) -> Stmt {
    scope.stmt(
        "UPDATE sessions SET name = coalesce(?4, name), updated_at = max(?2, updated_at + 1), \
         expires_at = min(max(coalesce(?5, expires_at), coalesce(?6, 0)), created_at + ?7) WHERE id = ?3",
        [
            id.into(),
            patch.name.as_deref().into(),
            patch.expires_at.map(|t| t.0).into(),
            patch.at_least.map(|t| t.0).into(),
            LONGEST_MS.into(),
        ],
    )
}

pub fn delete(scope: Scope, id: &str) -> Stmt {
    scope.stmt("DELETE FROM sessions WHERE id = ?3", [id.into()])
}
