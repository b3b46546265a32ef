//! The Workers side: a binding per function, the table of prefixes in the variable ROUTES (an object: prefix → binding).

use domain::Lang;
use worker::js_sys::Reflect;
use worker::wasm_bindgen::JsValue;
use worker::web_sys::{Headers, Request, Response, ResponseInit};
use worker::{Context, Env, Result, console_error, event};

use crate::own::{self, Reply};
use crate::route;

/// Headers that only our functions set between themselves; from outside they are dropped.
const INTERNAL: &str = "x-internal-";

/// The page is one file with its script and style in it; it talks to this host alone, pictures may be stored elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src 'self' https: data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[event(fetch)]
async fn fetch(request: Request, env: Env, _ctx: Context) -> Result<Response> {
    let url = request.url();
    let path = route::path_of(&url);
    let accept = request.headers().get("accept-language").ok().flatten();
    let lang = Lang::accept(accept.as_deref().unwrap_or_default());
    let Some(binding) = owner(&env, path) else {
        return answer(own::reply(&request.method(), path, lang));
    };
    match forward(&env, &binding, request).await {
        Ok(response) => Ok(response),
        Err(cause) => {
            console_error!("{binding}: {cause}");
            answer(Reply::unavailable(lang))
        }
    }
}

fn owner(env: &Env, path: &str) -> Option<String> {
    let routes = Reflect::get(env, &JsValue::from_str("ROUTES")).ok().filter(JsValue::is_object)?;
    route::longest(path, |prefix| Reflect::get(&routes, &JsValue::from_str(prefix)).ok()?.as_string())
}

async fn forward(env: &Env, binding: &str, request: Request) -> Result<Response> {
    let request = without_internal_headers(request)?;
    let response = env.service(binding)?.fetch_request(worker::Request::from(request)).await?;
    Ok(response.into())
}

/// The request as it came; a copy only when there is something to remove, because headers of an arrived one are frozen.
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

/// Header names, which the platform gives in lower case.
fn names(headers: &Headers) -> Result<impl Iterator<Item = String>> {
    let keys = headers.keys().into_iter();
    Ok(keys.filter_map(|key| key.ok()?.as_string()))
}

fn answer(reply: Reply) -> Result<Response> {
    let headers = Headers::new()?;
    headers.set("content-type", reply.kind)?;
    headers.set("content-security-policy", POLICY)?;
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
