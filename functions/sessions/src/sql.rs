//! The SQL of sessions.

use domain::messages::INVALID_CREDENTIALS;
use store::spec::{DATE_FILTER, NEWEST, OLDEST, USER_FILTER};
use store::{Arg, Column, Kind, Query, Scope, Search, Sort, Spec, StmtIndex, Tx, Visible, args, ledger};

use crate::model::SessionPatch;

/// Milliseconds a session lasts from its log-in, or from when it is extended.
const LIFETIME_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// Milliseconds a session can last from its log-in, however often it is extended; so long its token is valid. A year,
/// and a day for clocks that differ.
pub const MAX_LIFETIME_MS: i64 = 366 * 24 * 60 * 60 * 1000;

/// Whoever sees a session may change it.
pub static SESSIONS: Spec = Spec {
    name: "sessions",
    from: "sessions t",
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
    visible: Visible::Own,
    // With a plus: the list walks another index.
    only: "+t.expires_at > :now",
    writable: "TRUE",
    owner: "t.user_id",
    filters: &[USER_FILTER, DATE_FILTER],
    search: Search::Contains("(t.name || char(10) || t.user_agent)"),
    sorts: &[
        NEWEST,
        OLDEST,
        Sort { name: "expiresAt", aliases: &["expires_at"], sql: "t.expires_at", descending: false },
    ],
    ..Spec::EMPTY
};

/// A user whose password was verified.
pub enum VerifiedUser {
    /// One who had this PHC string when they were verified.
    Existing { id: i64, phc: String },
    /// The first administrator of a deployment, who is created by their first log-in.
    FirstAdmin { email: String, phc: String },
}

/// A session to be opened.
pub struct NewSession {
    /// 32 hex digits.
    pub id: String,
    /// The device's name, possibly empty.
    pub name: String,
    /// The caller's address.
    pub ip: String,
    /// `User-Agent`, at most 512 characters.
    pub user_agent: String,
}

/// Queries one row: `id` and `password` of the user with this address, null without one, and `admins`, true when there
/// is an administrator.
pub fn user(tx: &mut Tx, email: &str) -> StmtIndex {
    tx.exec(
        "SELECT u.id, u.password, EXISTS (SELECT 1 FROM users WHERE admin = 1) AS admins \
         FROM (SELECT 1) LEFT JOIN users u ON u.email = :email",
        args! { email },
    )
}

/// Opens a session, and removes those of the user that have expired. Fails the transaction with `invalid_credentials`
/// when the password has changed meanwhile. `welcome` is the points of a new account.
pub fn open(tx: &mut Tx, user: &VerifiedUser, session: &NewSession, welcome: i64) {
    match user {
        VerifiedUser::Existing { id, phc } => {
            tx.exec("DELETE FROM sessions WHERE user_id = :id AND expires_at <= :now", args! { id });
            insert(tx, session, "u.id = :user AND u.password = :phc", args! { user: id, phc });
        }
        VerifiedUser::FirstAdmin { email, phc } => {
            // Whoever took the address before has neither the password nor, from now on, a session.
            tx.exec(
                "INSERT INTO users (name, email, password, admin, created_at, updated_at) \
                 SELECT 'admin', :email, :phc, 1, :now, :now WHERE NOT EXISTS (SELECT 1 FROM users WHERE admin = 1) \
                 ON CONFLICT (email) DO UPDATE SET admin = 1, password = excluded.password, \
                 updated_at = max(excluded.updated_at, updated_at + 1)",
                args! { email, phc },
            );
            ledger::welcome(tx, welcome, email);
            tx.exec(
                "DELETE FROM sessions WHERE user_id = (SELECT id FROM users WHERE email = :email AND password = :phc)",
                args! { email, phc },
            );
            // Of two first log-ins at once one makes the administrator, and both are let in.
            insert(tx, session, "u.email = :email AND u.admin = 1", args! { email });
        }
    }
    let id = &session.id;
    tx.guard(&INVALID_CREDENTIALS, "EXISTS (SELECT 1 FROM sessions WHERE id = :id)", args! { id });
}

/// Inserts a session of the user `u` that a condition of ours finds.
fn insert(tx: &mut Tx, session: &NewSession, condition: &str, args: impl IntoIterator<Item = Arg>) {
    let NewSession { id, name, ip, user_agent } = session;
    tx.exec(
        format!(
            "INSERT INTO sessions (id, user_id, name, ip, user_agent, created_at, updated_at, expires_at) \
             SELECT :id, u.id, :name, :ip, :user_agent, :now, :now, :now + :lifetime FROM users u WHERE {condition}"
        ),
        args! { id, name, ip, user_agent, lifetime: LIFETIME_MS }.into_iter().chain(args),
    );
}

/// The session just opened. It is not restricted to what the caller sees: a log-in has no caller yet.
pub fn opened(scope: Scope, id: &str) -> Query {
    Query::new(format!("SELECT {} AS item FROM sessions t WHERE t.id = :id", SESSIONS.object(scope)), args! { id })
}

pub fn update(tx: &mut Tx, id: &str, patch: &SessionPatch) {
    tx.exec(
        "UPDATE sessions SET name = coalesce(:name, name), updated_at = max(:now, updated_at + 1), \
         expires_at = min(max(coalesce(:expires_at, expires_at), iif(:extend, :now + :lifetime, 0)), \
         created_at + :max_lifetime) WHERE id = :id",
        args! {
            id,
            name: &patch.name,
            expires_at: patch.expires_at,
            extend: patch.extend,
            lifetime: LIFETIME_MS,
            max_lifetime: MAX_LIFETIME_MS,
        },
    );
}

pub fn delete(tx: &mut Tx, id: &str) {
    tx.exec("DELETE FROM sessions WHERE id = :id", args! { id });
}
