//! The gateway on Cloudflare Workers: one binding per function, and the variable ROUTES, an object that maps a prefix
//! to the name of its binding.

use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use worker::js_sys::{Promise, Reflect};
use worker::web_sys::{Headers, Request, Response, ResponseInit};
use worker::{Context, Env, Result, console_error, event};

use crate::builtin::{self, Reply};
use crate::route;

#[wasm_bindgen]
extern "C" {
    /// A bound function. It is called without the SDK, whose request and response types read every part of what they
    /// wrap: here both only pass through.
    type Function;
    #[wasm_bindgen(method, catch)]
    fn fetch(this: &Function, request: &Request) -> std::result::Result<Promise, JsValue>;
}

/// The prefix of headers that functions set between themselves; from outside they are dropped.
const INTERNAL: &str = "x-internal-";

/// The page is one file with its script and style in it; it talks to this host alone, images may be stored elsewhere.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
    img-src 'self' https: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[event(fetch)]
async fn fetch(request: Request, env: Env, _ctx: Context) -> Result<Response> {
    let url = request.url();
    let path = route::path_of(&url);
    let accept = request.headers().get("accept-language").ok().flatten();
    let lang = web::accept_language(accept.as_deref().unwrap_or_default());
    let Some(binding) = owner(&env, path) else {
        return answer(builtin::reply(&request.method(), path, lang));
    };
    match forward(&env, &binding, request).await {
        Ok(response) => Ok(response),
        Err(cause) => {
            console_error!("{binding}: {cause}");
            answer(Reply::unavailable(lang))
        }
    }
}

/// The name of the binding that owns the path.
fn owner(env: &Env, path: &str) -> Option<String> {
    let routes = Reflect::get(env, &JsValue::from_str("ROUTES")).ok().filter(JsValue::is_object)?;
    route::longest(path, |prefix| Reflect::get(&routes, &JsValue::from_str(prefix)).ok()?.as_string())
}

/// Passes the request on to a function.
async fn forward(env: &Env, binding: &str, request: Request) -> Result<Response> {
    let request = without_internal_headers(request)?;
    let bound = Reflect::get(env, &JsValue::from_str(binding))?;
    let function: Function = Some(bound).filter(JsValue::is_object).ok_or("not bound")?.unchecked_into();
    Ok(JsFuture::from(function.fetch(&request)?).await?.dyn_into()?)
}

/// The request without internal headers: a copy if it has any, because the headers of an incoming request are frozen.
fn without_internal_headers(request: Request) -> Result<Request> {
    let internal: Vec<String> = names(&request.headers())?.filter(|name| name.starts_with(INTERNAL)).collect();
    if internal.is_empty() {
        return Ok(request);
    }
    let copy = Request::new_with_request(&request)?;
    for name in &internal {
        copy.headers().delete(name)?;
    }
    Ok(copy)
}

/// The names of headers, which the platform gives in lower case.
fn names(headers: &Headers) -> Result<impl Iterator<Item = String>> {
    let keys = headers.keys().into_iter();
    Ok(keys.filter_map(|key| key.ok()?.as_string()))
}

/// The platform's response of a built-in reply.
fn answer(reply: Reply) -> Result<Response> {
    let headers = Headers::new()?;
    headers.set("content-type", reply.content_type)?;
    headers.set("content-security-policy", CONTENT_SECURITY_POLICY)?;
    headers.set("x-content-type-options", "nosniff")?;
    headers.set("access-control-allow-origin", "*")?;
    if reply.status == 405 {
        headers.set("allow", "GET, HEAD")?;
    }
    let init = ResponseInit::new();
    init.set_status(reply.status);
    init.set_headers(&headers);
    Ok(Response::new_with_opt_str_and_init(Some(&reply.body), &init)?)
}
