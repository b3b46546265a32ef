//! `Ctx`, the one extractor every handler takes: the request's context and who is asking.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use domain::api_key::{self, Access};
use domain::messages::{INTERNAL, INVALID_IDEMPOTENCY_KEY, INVALID_TOKEN, NOT_FOUND, UNAUTHENTICATED};
use domain::{Error, Id, Lang, Profile};
use http::request::Parts;
use http::{HeaderMap, header};
use ports::Cx;
use store::{Batch, Credential, Scope};

use crate::auth;
use crate::dialect::Style;
use crate::reply::Failure;

/// A signed-in user, as far as their token or key itself tells; the guards in the batch confirm it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub id: Id,
    pub credential: Credential,
}

pub type Caller = Option<User>;

#[derive(Clone)]
pub struct Ctx {
    pub cx: Cx,
    pub style: Style,
    pub parts: Arc<RequestHead>,
    /// What an API key must allow for this request.
    access: Access,
}

/// The head of the request.
pub struct RequestHead {
    pub method: http::Method,
    pub path: String,
    /// Without the `?`.
    pub query: String,
    /// Scheme and host, as the platform saw them; empty where it does not say.
    pub origin: String,
    pub headers: HeaderMap,
}

impl Ctx {
    pub(crate) fn new(cx: Cx, request: &http::Request<axum::body::Body>, access: Access) -> Ctx {
        let headers = request.headers().clone();
        let query = request.uri().query().unwrap_or_default().to_string();
        let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let asked = form_urlencoded::parse(query.as_bytes()).find(|(k, _)| k == "profile").map(|(_, v)| v.into_owned());
        let profile = Profile::parse(text("x-api-profile")).or_else(|| Profile::parse(&asked.unwrap_or_default()));
        let style = Style {
            profile: profile.unwrap_or(cx.config.profile),
            lang: Lang::accept(text(header::ACCEPT_LANGUAGE.as_str())),
        };
        let uri = request.uri();
        let origin = uri.scheme_str().zip(uri.authority()).map(|(scheme, host)| format!("{scheme}://{host}"));
        let parts = RequestHead {
            method: request.method().clone(),
            path: uri.path().to_string(),
            query,
            origin: origin.unwrap_or_default(),
            headers,
        };
        Ctx { cx, style, parts: Arc::new(parts), access }
    }

    pub fn profile(&self) -> Profile {
        self.style.profile
    }

    pub fn header(&self, name: &str) -> &str {
        self.parts.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }

    pub fn query(&self, name: &str) -> Option<String> {
        let mut pairs = form_urlencoded::parse(self.parts.query.as_bytes());
        pairs.find(|(k, _)| k == name).map(|(_, v)| v.into_owned())
    }

    /// The token in the order of API.md §1: `Authorization: Bearer`, `token`.
    pub fn bearer(&self) -> Option<&str> {
        let bearer = self.header("authorization");
        let token = match bearer.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
            _ if !bearer.is_empty() => bearer,
            _ => self.header("token"),
        };
        (!token.is_empty()).then_some(token)
    }

    /// Who is asking; None when no credential was sent. One that is not valid is an error, also where none is needed,
    /// so that a client learns that its session has ended.
    pub fn caller(&self) -> Result<Caller, Error> {
        let key = self.header("x-api-key");
        let Some(token) = self.bearer().or((!key.is_empty()).then_some(key)) else { return Ok(None) };
        if token.starts_with(api_key::MARK) {
            let id = api_key::owner(token).ok_or_else(|| INVALID_TOKEN.error())?;
            return Ok(Some(User { id, credential: Credential::Key(auth::sha256_hex(token.as_bytes())) }));
        }
        let session = auth::verify_session(&self.cx.config, token, self.cx.now)?;
        Ok(Some(User { id: session.user_id, credential: Credential::Session(session.session_id) }))
    }

    pub fn user(&self) -> Result<User, Error> {
        self.caller()?.ok_or_else(|| UNAUTHENTICATED.error())
    }

    /// The runner a runner's token names.
    pub fn runner(&self) -> Result<auth::RunnerToken, Error> {
        let token = self.bearer().ok_or_else(|| UNAUTHENTICATED.error())?;
        auth::verify_runner(&self.cx.config, token, self.cx.now)
    }

    pub fn scope(&self, caller: &Caller) -> Scope {
        self.scope_of(caller.as_ref().map_or(0, |u| u.id))
    }

    pub fn scope_of(&self, me: Id) -> Scope {
        Scope { me, now: self.cx.now, profile: self.style.profile }
    }

    /// Begins a read: a batch that confirms the caller's session or key, if they sent one.
    pub fn reading(&self) -> Result<(Scope, Batch), Error> {
        let caller = self.caller()?;
        Ok(self.batch(&caller))
    }

    /// Begins a write: only for signed-in callers.
    pub fn writing(&self) -> Result<(Scope, Batch), Error> {
        let caller = Some(self.user()?);
        Ok(self.batch(&caller))
    }

    pub(crate) fn batch(&self, caller: &Caller) -> (Scope, Batch) {
        let scope = self.scope(caller);
        let mut batch = Batch::new();
        if let Some(user) = caller {
            batch.extend(user.credential.guards(scope, self.access));
        }
        (scope, batch)
    }

    /// What links to stored files begin with: `https://host`, or nothing where that is not known.
    pub fn origin(&self) -> &str {
        let set = &self.cx.config.public_url;
        if set.is_empty() { &self.parts.origin } else { set }
    }

    /// The key of one of our stored files, when `url` is its address.
    pub fn own_file<'a>(&self, url: &'a str) -> Option<&'a str> {
        domain::file::key(url, &[self.origin(), &self.parts.origin])
    }

    /// A picture a task may start from: one of our files, or anywhere on the public internet.
    pub fn picture(&self, url: &str, field: &'static str) -> Result<(), Error> {
        if self.own_file(url).is_some() {
            Ok(())
        } else {
            domain::outbound::admit(url, &self.cx.config.fetch_allow, field)
        }
    }

    /// The caller's address, as the platform reports it.
    pub fn ip(&self) -> String {
        let ip = self.header("cf-connecting-ip");
        if ip.is_empty() { "unknown".to_string() } else { ip.chars().take(64).collect() }
    }

    /// The `Idempotency-Key`, bound to this route and body.
    pub fn idempotency(&self, body_hash: &str) -> Result<Option<store::idempotency::Key>, Error> {
        if !self.parts.headers.contains_key("idempotency-key") {
            return Ok(None);
        }
        let key = self.header("idempotency-key");
        if key.is_empty() || key.len() > 255 || !key.bytes().all(|b| b.is_ascii_graphic() || b == b' ') {
            return Err(INVALID_IDEMPOTENCY_KEY.on("Idempotency-Key"));
        }
        Ok(Some(store::idempotency::Key {
            route: format!("{} {} {:?}", self.parts.method, self.parts.path, self.style.profile),
            key: key.to_string(),
            body_hash: body_hash.to_string(),
        }))
    }

    /// The path of the request without its last segment's id: `/api/tags`.
    pub fn path(&self) -> &str {
        self.parts.path.trim_end_matches('/')
    }

    /// A token that is not one of ours, for routes with a shared secret of the deployment.
    pub fn shared_secret(&self, expected: &str) -> Result<(), Error> {
        let sent = self.bearer().ok_or_else(|| UNAUTHENTICATED.error())?;
        // Compared as hashes, so that the time taken says nothing about where they differ.
        let same = auth::sha256_hex(sent.as_bytes()) == auth::sha256_hex(expected.as_bytes());
        if expected.len() >= 16 && same { Ok(()) } else { Err(INVALID_TOKEN.error()) }
    }
}

impl<S: Sync> FromRequestParts<S> for Ctx {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Ctx, Failure> {
        let ctx = parts.extensions.get::<Ctx>().cloned();
        ctx.ok_or_else(|| Failure(INTERNAL.error().cause("the router was called without a context")))
    }
}

/// The 128-bit token that names an object in a path; anything else names nothing.
pub struct TokenId(pub String);

impl<S: Send + Sync> FromRequestParts<S> for TokenId {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<TokenId, Failure> {
        let not_found = || Failure(NOT_FOUND.error());
        let params = axum::extract::RawPathParams::from_request_parts(parts, state).await.map_err(|_| not_found())?;
        let id = params.iter().find(|(name, _)| *name == "id").map(|(_, value)| value.to_string());
        id.filter(|id| domain::id::is_token(id)).map(TokenId).ok_or_else(not_found)
    }
}

/// The id at the end of a path. What is not an id names nothing: 404, as any id that does not exist.
pub struct PathId(pub Id);

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<PathId, Failure> {
        let not_found = || Failure(NOT_FOUND.error());
        let params = axum::extract::RawPathParams::from_request_parts(parts, state).await.map_err(|_| not_found())?;
        let id = params.iter().find(|(name, _)| *name == "id").and_then(|(_, value)| domain::id::parse(value));
        id.map(PathId).ok_or_else(not_found)
    }
}
