//! `RequestCtx`, the one extractor every handler takes: the request, the runtime, and the transactions that begin with
//! the caller's credential.

mod caller;
mod idempotency;

use std::sync::Arc;

use axum::extract::FromRequestParts;
use domain::api_key::Access;
use domain::messages::INTERNAL;
use domain::{Error, Id};
use http::request::Parts;
use http::{HeaderMap, header};
use ports::{Runtime, Value};
use store::datasets::SourceReader;
use store::{ApiVersion, Scope, Spec, Tx, sessions};

use crate::dialect::Style;
use crate::negotiation::{accept_language, api_version};
use crate::reply::Failure;

pub use caller::{Caller, User};

/// One request.
#[derive(Clone)]
pub struct RequestCtx {
    /// Engines, time and settings.
    pub runtime: Runtime,
    /// How the reply is written.
    pub style: Style,
    /// Method, address and headers.
    pub head: Arc<RequestHead>,
    /// The scope that an API key needs for this request.
    access: Access,
}

/// The head of a request.
pub struct RequestHead {
    /// In capitals.
    pub method: http::Method,
    /// Without a trailing slash.
    pub path: String,
    /// Without the `?`.
    pub query: String,
    /// Scheme and host as the platform saw them, empty where it does not say.
    pub origin: String,
    /// As sent.
    pub headers: HeaderMap,
}

impl RequestCtx {
    pub(crate) fn new(runtime: Runtime, request: &http::Request<axum::body::Body>, access: Access) -> RequestCtx {
        let uri = request.uri();
        let origin = uri.scheme_str().zip(uri.authority()).map(|(scheme, host)| format!("{scheme}://{host}"));
        let head = RequestHead {
            method: request.method().clone(),
            path: uri.path().trim_end_matches('/').to_string(),
            query: uri.query().unwrap_or_default().to_string(),
            origin: origin.unwrap_or_default(),
            headers: request.headers().clone(),
        };
        let parameter = head.parameter("profile").unwrap_or_default();
        let version = api_version(head.header("x-api-profile"), &parameter, &runtime.config.api_version);
        let lang = accept_language(head.header(header::ACCEPT_LANGUAGE.as_str()));
        let style = Style { version, lang, rendering: version.name() };
        RequestCtx { runtime, style, head: Arc::new(head), access }
    }

    /// The version of the drawing API.
    pub fn version(&self) -> ApiVersion {
        self.style.version
    }

    /// The text of a header, empty when it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.head.header(name)
    }

    /// The first value of a parameter in the query string.
    pub fn parameter(&self, name: &str) -> Option<String> {
        self.head.parameter(name)
    }

    /// The address of the request, without a trailing slash: `/api/tags`.
    pub fn path(&self) -> &str {
        &self.head.path
    }

    /// The scope of statements on behalf of a user, 0 for nobody.
    pub fn scope(&self, me: Id) -> Scope {
        Scope { me, now: self.runtime.now, version: self.style.version, lang: self.style.lang }
    }

    /// Begins a transaction on behalf of nobody.
    pub fn anonymous(&self) -> Tx {
        Tx::new(self.runtime.sql.clone(), self.scope(0))
    }

    /// Begins a transaction of anyone: with the guards of the caller's credential, if they sent one.
    pub fn read(&self) -> Result<Tx, Error> {
        Ok(self.begin(&self.caller()?))
    }

    /// Begins a transaction of an authenticated user: a write, or a read of what is theirs alone.
    pub fn write(&self) -> Result<Tx, Error> {
        Ok(self.begin(&Some(self.user()?)))
    }

    /// Begins a transaction that only administrators may do. `once` comes after it: a former administrator gets no
    /// repeat.
    pub fn write_as_admin(&self) -> Result<Tx, Error> {
        let mut tx = self.write()?;
        sessions::require_admin(&mut tx);
        Ok(tx)
    }

    /// Begins a write that a repeat with the same `Idempotency-Key` does not do again.
    pub fn write_once(&self, body_hash: &str) -> Result<Tx, Error> {
        let mut tx = self.write()?;
        self.once(&mut tx, body_hash)?;
        Ok(tx)
    }

    /// Begins a write to a row that must be the caller's to change: `not_found` unless they see it, else `forbidden`.
    pub fn write_to(&self, spec: &Spec, id: impl Into<Value>) -> Result<Tx, Error> {
        let mut tx = self.write()?;
        tx.require_writable(spec, id);
        Ok(tx)
    }

    pub(crate) fn begin(&self, caller: &Caller) -> Tx {
        let mut tx = Tx::new(self.runtime.sql.clone(), self.scope(caller.as_ref().map_or(0, |user| user.id)));
        if let Some(user) = caller {
            user.credential.require(&mut tx, self.access);
        }
        tx
    }

    /// The origin of links to stored files: `https://host`, or nothing where it is not known.
    pub fn origin(&self) -> &str {
        let public = &self.runtime.config.public_url;
        if public.is_empty() { &self.head.origin } else { public }
    }

    /// The key of one of our stored files, when `url` is its address.
    pub fn own_file<'a>(&self, url: &'a str) -> Option<&'a str> {
        domain::file_url::key(url, &self.origins())
    }

    /// The origins of our own addresses: as deployed, and as this caller calls them.
    pub fn origins(&self) -> [&str; 2] {
        [self.origin(), &self.head.origin]
    }

    /// Refuses an image that is neither one of our files nor on the public internet.
    pub fn check_image_url(&self, url: &str, field: &'static str) -> Result<(), Error> {
        match self.own_file(url) {
            Some(_) => Ok(()),
            None => domain::url_policy::admit(url, &self.runtime.config.fetch_allow, field),
        }
    }

    /// Reads the addresses of a dataset's images.
    pub fn image_sources(&self) -> SourceReader<'_> {
        SourceReader { origins: self.origins(), fetch_allow: &self.runtime.config.fetch_allow }
    }

    /// The caller's address, as the platform reports it.
    pub fn ip(&self) -> String {
        let ip = self.header("cf-connecting-ip");
        if ip.is_empty() { "unknown".to_string() } else { ip.chars().take(64).collect() }
    }
}

impl RequestHead {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }

    fn parameter(&self, name: &str) -> Option<String> {
        let mut pairs = form_urlencoded::parse(self.query.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }
}

impl<S: Sync> FromRequestParts<S> for RequestCtx {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<RequestCtx, Failure> {
        let ctx = parts.extensions.get::<RequestCtx>().cloned();
        ctx.ok_or_else(|| Failure(INTERNAL.error().cause("the router was called without a context")))
    }
}
