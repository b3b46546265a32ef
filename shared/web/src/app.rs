//! `Routes` collects a function's handlers and what they are documented as; `App` answers requests with them.

use axum::Router;
use axum::body::Body;
use axum::handler::Handler;
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use domain::api_key::Access;
use domain::form::Form;
use domain::messages::{METHOD_NOT_ALLOWED, ROUTE_NOT_FOUND};
use http::{Method, Request, Uri};
use ports::Cx;
use store::Spec;
use tower::ServiceExt;

use crate::context::Ctx;
use crate::cors;
use crate::dialect::Dialect;
use crate::reply::{Carried, Failure};

/// The documentation is only ever asked for natively; in WASM the compiler drops it.
const DOCUMENTED: bool = cfg!(not(target_arch = "wasm32"));

/// One operation: where it is and what it takes and gives.
#[derive(Clone, Copy)]
pub struct Op {
    pub method: &'static str,
    pub path: &'static str,
    pub summary: &'static str,
    pub body: Option<&'static Form>,
    pub replies: Replies,
    /// Needs a credential.
    pub secured: bool,
    /// That of a machine, not of a user: no API key.
    pub machine: bool,
    /// Takes `Idempotency-Key`.
    pub idempotent: bool,
    /// What an API key must allow; None for what its method and function say.
    pub access: Option<Access>,
}

/// What an operation answers with when all is well.
#[derive(Clone, Copy)]
pub enum Replies {
    Page(&'static Spec),
    Item(&'static Spec),
    Created(&'static Spec),
    /// An object described in words.
    Object(u16, &'static str),
    Nothing,
    /// Bytes of this media type.
    Bytes(&'static str),
}

impl Op {
    const fn new(method: &'static str, path: &'static str, summary: &'static str, replies: Replies) -> Op {
        Op {
            method,
            path,
            summary,
            body: None,
            replies,
            secured: false,
            machine: false,
            idempotent: false,
            access: None,
        }
    }

    pub const fn list(path: &'static str, spec: &'static Spec, summary: &'static str) -> Op {
        Op::new("GET", path, summary, Replies::Page(spec))
    }

    pub const fn read(path: &'static str, spec: &'static Spec, summary: &'static str) -> Op {
        Op::new("GET", path, summary, Replies::Item(spec))
    }

    /// Signed in, with `Idempotency-Key`.
    pub const fn create(path: &'static str, spec: &'static Spec, form: &'static Form, summary: &'static str) -> Op {
        let op = Op::new("POST", path, summary, Replies::Created(spec));
        Op { body: Some(form), secured: true, idempotent: true, ..op }
    }

    pub const fn update(path: &'static str, spec: &'static Spec, form: &'static Form, summary: &'static str) -> Op {
        Op { body: Some(form), secured: true, ..Op::new("PATCH", path, summary, Replies::Item(spec)) }
    }

    pub const fn delete(path: &'static str, summary: &'static str) -> Op {
        Op { secured: true, ..Op::new("DELETE", path, summary, Replies::Nothing) }
    }

    /// Anything else.
    pub const fn other(method: &'static str, path: &'static str, summary: &'static str, replies: Replies) -> Op {
        Op::new(method, path, summary, replies)
    }

    pub const fn takes(mut self, form: &'static Form) -> Op {
        self.body = Some(form);
        self
    }

    pub const fn secured(mut self) -> Op {
        self.secured = true;
        self
    }

    /// Needs a secret of the deployment, or a runner's token.
    pub const fn machine(mut self) -> Op {
        self.machine = true;
        self.secured()
    }

    /// An API key needs this for it, whatever its method.
    pub const fn needs(mut self, access: Access) -> Op {
        self.access = Some(access);
        self
    }

    pub const fn open(mut self) -> Op {
        self.secured = false;
        self
    }
}

pub struct Routes {
    name: &'static str,
    dialect: Dialect,
    router: Router,
    ops: Vec<Op>,
    writes: Access,
    exceptions: Vec<Exception>,
}

/// An operation that says itself what an API key needs: method, path, that.
type Exception = (&'static str, &'static str, Access);

impl Routes {
    pub fn new(name: &'static str, dialect: Dialect) -> Routes {
        Routes { name, dialect, router: Router::new(), ops: Vec::new(), writes: Access::Write, exceptions: Vec::new() }
    }

    /// What an API key needs for the writes of this function; `Access::Write` unless said. Reads need `Access::Read`.
    pub fn writes(mut self, access: Access) -> Routes {
        self.writes = access;
        self
    }

    pub fn on<H: Handler<T, ()>, T: 'static>(mut self, op: Op, handler: H) -> Routes {
        let method = match op.method {
            "GET" => MethodFilter::GET,
            "PUT" => MethodFilter::PUT,
            "PATCH" => MethodFilter::PATCH,
            "DELETE" => MethodFilter::DELETE,
            _ => MethodFilter::POST,
        };
        self.router = self.router.route(op.path, on(method, handler));
        self.exceptions.extend(op.access.map(|access| (op.method, op.path, access)));
        if DOCUMENTED {
            self.ops.push(op);
        }
        self
    }

    pub fn build(self) -> App {
        let router = self
            .router
            .fallback(|| async { Failure(ROUTE_NOT_FOUND.error()) })
            .method_not_allowed_fallback(|| async { Failure(METHOD_NOT_ALLOWED.error()) });
        App {
            name: self.name,
            dialect: self.dialect,
            router,
            ops: self.ops,
            writes: self.writes,
            exceptions: self.exceptions,
        }
    }
}

pub struct App {
    pub name: &'static str,
    pub ops: Vec<Op>,
    pub(crate) dialect: Dialect,
    router: Router,
    writes: Access,
    exceptions: Vec<Exception>,
}

impl App {
    /// What an API key must allow for a method at a path, as a request or a template.
    pub(crate) fn access(&self, method: &str, path: &str) -> Access {
        let said = self.exceptions.iter().find(|(of, at, _)| *of == method && fits(at, path));
        match (said, method) {
            (Some((.., access)), _) => *access,
            (None, "GET" | "HEAD") => Access::Read,
            (None, _) => self.writes,
        }
    }

    /// Answers one request. Never fails: what goes wrong is an error in the function's dialect.
    pub async fn handle(&self, cx: Cx, mut request: Request<Body>) -> Response {
        if let Some(mut response) = cors::preflight(&request) {
            cors::allow(response.headers_mut());
            return response;
        }
        trim_slash(&mut request);
        let access = self.access(request.method().as_str(), request.uri().path());
        let mut ctx = Ctx::new(cx, &request, access);
        ctx.style = self.dialect.style(ctx.style);
        let (style, head) = (ctx.style, request.method() == Method::HEAD);
        request.extensions_mut().insert(ctx);
        let response = match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let allow = response.headers().get(http::header::ALLOW).cloned();
        let mut response = self.dialect.render(Carried::unpack(response), style);
        if let Some(allow) = allow {
            response.headers_mut().insert(http::header::ALLOW, allow);
        }
        cors::allow(response.headers_mut());
        if head {
            *response.body_mut() = Body::empty();
        }
        response
    }
}

/// Whether a path is of a template: `{…}` stands for any one segment.
fn fits(template: &str, path: &str) -> bool {
    let (mut wanted, mut sent) = (template.split('/'), path.split('/'));
    loop {
        match (wanted.next(), sent.next()) {
            (None, None) => return true,
            (Some(want), Some(have)) if want == have || want.starts_with('{') => {}
            _ => return false,
        }
    }
}

/// A trailing slash is optional everywhere.
fn trim_slash(request: &mut Request<Body>) {
    let path = request.uri().path();
    if path.len() < 2 || !path.ends_with('/') {
        return;
    }
    let trimmed = path.trim_end_matches('/');
    let rest = request.uri().query().map(|q| format!("?{q}")).unwrap_or_default();
    let short = format!("{}{rest}", if trimmed.is_empty() { "/" } else { trimmed });
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = short.parse().ok();
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_key_needs_is_said_by_method_function_and_operation() {
        const VIEW: Op = Op::other("POST", "/api/a/{id}/view", "", Replies::Nothing).needs(Access::Read);
        let app = Routes::new("a", Dialect::Plain).writes(Access::Tasks).on(VIEW, || async {}).build();
        for (method, path, access) in [
            ("GET", "/api/a", Access::Read),
            ("HEAD", "/api/a/1", Access::Read),
            ("POST", "/api/a", Access::Tasks),
            ("PROPFIND", "/api/a", Access::Tasks),
            ("POST", "/api/a/1/view", Access::Read),
            ("PUT", "/api/a/1/view", Access::Tasks),
            ("POST", "/api/a/1/2/view", Access::Tasks),
            ("POST", "/api/a/1/view/2", Access::Tasks),
            ("POST", "/api/a//view", Access::Read),
        ] {
            assert_eq!(app.access(method, path), access, "{method} {path}");
        }
        assert_eq!(Routes::new("b", Dialect::Plain).build().access("DELETE", "/api/b/1"), Access::Write);
    }
}
