//! What a caller shows: a session or an API key. Every batch on their behalf begins with the guards of it, so that
//! ending either is effective on the very next request.

use domain::api_key::Access;
use ports::Stmt;

use crate::list::Scope;
use crate::{keys, sessions};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// The session's id.
    Session(String),
    /// The hex SHA-256 of the key.
    Key(String),
}

impl Credential {
    pub fn session(&self) -> Option<&str> {
        match self {
            Credential::Session(id) => Some(id),
            Credential::Key(_) => None,
        }
    }

    pub fn key(&self) -> Option<&str> {
        match self {
            Credential::Session(_) => None,
            Credential::Key(hash) => Some(hash),
        }
    }

    /// The statements that fail the batch unless this is the caller's, stands, and allows `access`.
    pub fn guards(&self, scope: Scope, access: Access) -> Vec<Stmt> {
        match self {
            Credential::Session(id) => vec![sessions::guard(scope, id)],
            Credential::Key(hash) => keys::guards(scope, hash, access).into(),
        }
    }
}
