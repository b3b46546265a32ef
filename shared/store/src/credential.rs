//! What a caller authenticates with: a session or an API key. Every transaction on their behalf begins with its guards,
//! so that ending either is effective on the very next request, at no extra round trip.

use domain::api_key::Access;

use crate::tx::Tx;
use crate::{keys, sessions};

/// A session or an API key, as the request claims it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// The session's id.
    Session(String),
    /// The hex SHA-256 of the key.
    Key(String),
}

impl Credential {
    /// The id of a session.
    pub fn session(&self) -> Option<&str> {
        match self {
            Credential::Session(id) => Some(id),
            Credential::Key(_) => None,
        }
    }

    /// The hash of a key.
    pub fn key(&self) -> Option<&str> {
        match self {
            Credential::Session(_) => None,
            Credential::Key(hash) => Some(hash),
        }
    }

    /// Fails the transaction unless this is the caller's, has not ended, and allows `access`.
    pub fn require(&self, tx: &mut Tx, access: Access) {
        match self {
            Credential::Session(id) => sessions::require(tx, id),
            Credential::Key(hash) => keys::require(tx, hash, access),
        }
    }
}
