//! Extractors of the ids in a path. Text that is no id names nothing: 404, as any id that does not exist.

use axum::extract::{FromRequestParts, RawPathParams};
use domain::Id;
use domain::messages::NOT_FOUND;
use http::request::Parts;

use crate::reply::Failure;

/// The row id `{id}`.
pub struct PathId(pub Id);

/// The 128-bit token `{id}`, 32 hex digits.
pub struct TokenId(pub String);

/// All parameters of a path.
pub struct PathParams(RawPathParams);

impl PathParams {
    /// The text of a parameter.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// A parameter that is a row id.
    pub fn id(&self, name: &str) -> Result<Id, Failure> {
        let id = self.text(name).and_then(domain::id::parse);
        id.ok_or_else(not_found)
    }
}

fn not_found() -> Failure {
    Failure(NOT_FOUND.error())
}

impl<S: Send + Sync> FromRequestParts<S> for PathParams {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<PathParams, Failure> {
        RawPathParams::from_request_parts(parts, state).await.map(PathParams).map_err(|_| not_found())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for TokenId {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<TokenId, Failure> {
        let params = PathParams::from_request_parts(parts, state).await?;
        let token = params.text("id").filter(|id| domain::id::is_token(id));
        token.map(|token| TokenId(token.to_string())).ok_or_else(not_found)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<PathId, Failure> {
        PathParams::from_request_parts(parts, state).await?.id("id").map(PathId)
    }
}
