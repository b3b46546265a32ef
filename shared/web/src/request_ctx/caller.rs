//! Who is asking: the credentials a request may carry (docs/API.md §1).

use domain::api_key;
use domain::messages::{INVALID_TOKEN, UNAUTHENTICATED};
use domain::{Error, Id};
use store::Credential;

use super::RequestCtx;
use crate::auth;

/// An authenticated user, as far as their token or key itself tells; the guards of a transaction confirm it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The user's id.
    pub id: Id,
    /// What they authenticated with.
    pub credential: Credential,
}

/// None for a request without a credential.
pub type Caller = Option<User>;

impl RequestCtx {
    /// The token of `Authorization: Bearer`, or else of the header `token`.
    pub fn bearer(&self) -> Option<&str> {
        let authorization = self.header("authorization");
        let token = match authorization.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
            _ if !authorization.is_empty() => authorization,
            _ => self.header("token"),
        };
        (!token.is_empty()).then_some(token)
    }

    /// The caller. An invalid credential is an error, also where none is needed, so that a client learns that its
    /// session has ended.
    pub fn caller(&self) -> Result<Caller, Error> {
        let key = self.header("x-api-key");
        let Some(token) = self.bearer().or((!key.is_empty()).then_some(key)) else { return Ok(None) };
        if token.starts_with(api_key::MARK) {
            let id = api_key::owner(token).ok_or_else(|| INVALID_TOKEN.error())?;
            return Ok(Some(User { id, credential: Credential::Key(auth::sha256_hex(token.as_bytes())) }));
        }
        let session = auth::verify_session(&self.runtime.config, token, self.runtime.now)?;
        Ok(Some(User { id: session.user_id, credential: Credential::Session(session.session_id) }))
    }

    /// The caller, who must be authenticated.
    pub fn user(&self) -> Result<User, Error> {
        self.caller()?.ok_or_else(|| UNAUTHENTICATED.error())
    }

    /// The runner that a runner's token names.
    pub fn runner(&self) -> Result<auth::RunnerToken, Error> {
        let token = self.bearer().ok_or_else(|| UNAUTHENTICATED.error())?;
        auth::verify_runner(&self.runtime.config, token, self.runtime.now)
    }

    /// Refuses a request whose bearer token is not this secret of the deployment. A secret of fewer than 16 bytes lets
    /// nobody in.
    pub fn require_secret(&self, expected: &str) -> Result<(), Error> {
        let sent = self.bearer().ok_or_else(|| UNAUTHENTICATED.error())?;
        // Compared as hashes, so that the time taken says nothing about where they differ.
        let same = auth::sha256_hex(sent.as_bytes()) == auth::sha256_hex(expected.as_bytes());
        if expected.len() >= 16 && same { Ok(()) } else { Err(INVALID_TOKEN.error()) }
    }
}
