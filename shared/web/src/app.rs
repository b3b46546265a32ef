//! `Routes` collects a function's operations and handlers; `App` answers requests with them.

use axum::Router;
use axum::body::Body;
use axum::handler::Handler;
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use domain::api_key::Access;
use domain::messages::{METHOD_NOT_ALLOWED, ROUTE_NOT_FOUND};
use http::{Method, Request, Uri};
use ports::Runtime;
use tower::ServiceExt;

use crate::cors;
use crate::dialect::Dialect;
use crate::operation::Operation;
use crate::reply::{Failure, Outcome};
use crate::request_ctx::RequestCtx;

/// Documentation is only needed natively; in WASM the compiler drops it.
const DOCUMENTED: bool = cfg!(not(target_arch = "wasm32"));

/// A function being put together.
pub struct Routes {
    name: &'static str,
    dialect: Dialect,
    router: Router,
    operations: Vec<Operation>,
    writes: Access,
    exceptions: Vec<Exception>,
}

/// An operation with a scope of its own: method, path, scope.
type Exception = (&'static str, &'static str, Access);

impl Routes {
    /// A function without operations.
    pub fn new(name: &'static str, dialect: Dialect) -> Routes {
        let (router, operations, exceptions) = (Router::new(), Vec::new(), Vec::new());
        Routes { name, dialect, router, operations, writes: Access::Write, exceptions }
    }

    /// Sets the scope that an API key needs for the writes of this function, `Access::Write` otherwise. Reads need
    /// `Access::Read`.
    pub fn writes(mut self, access: Access) -> Routes {
        self.writes = access;
        self
    }

    /// Adds an operation.
    pub fn on<H: Handler<T, ()>, T: 'static>(mut self, operation: Operation, handler: H) -> Routes {
        let method = match operation.method {
            "GET" => MethodFilter::GET,
            "PUT" => MethodFilter::PUT,
            "PATCH" => MethodFilter::PATCH,
            "DELETE" => MethodFilter::DELETE,
            _ => MethodFilter::POST,
        };
        self.router = self.router.route(operation.path, on(method, handler));
        self.exceptions.extend(operation.access.map(|access| (operation.method, operation.path, access)));
        if DOCUMENTED {
            self.operations.push(operation);
        }
        self
    }

    /// The finished function.
    pub fn build(self) -> App {
        let Routes { name, dialect, router, operations, writes, exceptions } = self;
        let router = router
            .fallback(|| async { Failure(ROUTE_NOT_FOUND.error()) })
            .method_not_allowed_fallback(|| async { Failure(METHOD_NOT_ALLOWED.error()) });
        App { name, dialect, router, operations, writes, exceptions }
    }
}

/// A function: its operations and their handlers.
pub struct App {
    /// The function's name.
    pub name: &'static str,
    /// Its operations; empty in WASM.
    pub operations: Vec<Operation>,
    pub(crate) dialect: Dialect,
    router: Router,
    writes: Access,
    exceptions: Vec<Exception>,
}

impl App {
    /// The scope that an API key needs for a method at a path, which may be a template.
    pub(crate) fn access(&self, method: &str, path: &str) -> Access {
        let exception = self.exceptions.iter().find(|(of, at, _)| *of == method && fits(at, path));
        match (exception, method) {
            (Some((.., access)), _) => *access,
            (None, "GET" | "HEAD") => Access::Read,
            (None, _) => self.writes,
        }
    }

    /// Answers one request. Never fails: an error becomes a response in the function's dialect.
    pub async fn handle(&self, runtime: Runtime, mut request: Request<Body>) -> Response {
        if let Some(mut response) = cors::preflight(&request) {
            cors::allow(response.headers_mut());
            return response;
        }
        trim_slash(&mut request);
        let access = self.access(request.method().as_str(), request.uri().path());
        let mut ctx = RequestCtx::new(runtime, &request, access);
        ctx.style = self.dialect.style(ctx.style);
        let (style, is_head) = (ctx.style, request.method() == Method::HEAD);
        request.extensions_mut().insert(ctx);
        let response = match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let allow = response.headers().get(http::header::ALLOW).cloned();
        let mut response = self.dialect.render(Outcome::unpack(response), style);
        if let Some(allow) = allow {
            response.headers_mut().insert(http::header::ALLOW, allow);
        }
        cors::allow(response.headers_mut());
        if is_head {
            *response.body_mut() = Body::empty();
        }
        response
    }
}

/// True when a path fits a template, in which `{…}` stands for any one segment.
fn fits(template: &str, path: &str) -> bool {
    let (mut expected, mut segments) = (template.split('/'), path.split('/'));
    loop {
        match (expected.next(), segments.next()) {
            (None, None) => return true,
            (Some(want), Some(have)) if want == have || want.starts_with('{') => {}
            _ => return false,
        }
    }
}

/// Removes a trailing slash, which is optional everywhere.
fn trim_slash(request: &mut Request<Body>) {
    let path = request.uri().path();
    if path.len() < 2 || !path.ends_with('/') {
        return;
    }
    let trimmed = path.trim_end_matches('/');
    let query = request.uri().query().map(|q| format!("?{q}")).unwrap_or_default();
    let short = format!("{}{query}", if trimmed.is_empty() { "/" } else { trimmed });
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = short.parse().ok();
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::Replies;

    #[test]
    fn the_scope_of_a_key_depends_on_method_function_and_operation() {
        const VIEW: Operation = Operation::other("POST", "/api/a/{id}/view", "", Replies::Nothing).needs(Access::Read);
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
