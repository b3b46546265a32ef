//! Cloudflare Workers: bindings to ports, requests to `web`. Everything here lives on one thread; `SendWrapper` and
//! `into_send` say so to the compiler, and nowhere else is that said.

mod blobs;
mod bridge;
mod d1;
mod fetch;
mod hub;
mod kv;
mod log;
mod request;

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use domain::Millis;
use futures_util::future::BoxFuture;
use ports::null::Unbound;
use ports::{Background, Config, Cx, Entropy, Ports, Sql};
use worker::send::SendWrapper;
use worker::{Context, Env};

pub use hub::JOIN_HEADER;

/// Answers one request with a function's app.
pub async fn serve(
    app: &web::App,
    request: web_sys::Request,
    env: Env,
    context: Context,
) -> worker::Result<web_sys::Response> {
    let cx = context_of(&env, Arc::new(WaitUntil(SendWrapper::new(context))));
    let request = request::inward(&request)?;
    let response = app.handle(cx, request).await;
    request::outward(response).await
}

/// The context of a request or an alarm: whatever is bound is used, what is not answers by name.
pub fn context_of(env: &Env, background: Arc<dyn Background>) -> Cx {
    log::install();
    let sql: Arc<dyn Sql> = match d1::D1::bound(env) {
        Some(d1) => Arc::new(d1),
        None => Arc::new(Unbound("D1 database DB")),
    };
    let bindings = Arc::new(env.clone());
    let ports = Ports {
        kv: Arc::new(kv::KvAdapter(bindings.clone())),
        blobs: Arc::new(blobs::R2(bindings.clone())),
        queue: Arc::new(store::queue::Embedded(sql.clone())),
        hub: Arc::new(hub::DurableHub(bindings)),
        fetch: Arc::new(fetch::Global),
        sql,
    };
    // The settings cannot change while an isolate lives.
    static CONFIG: OnceLock<Arc<Config>> = OnceLock::new();
    let config = CONFIG.get_or_init(|| Arc::new(Config::read(|name| env.var(name).ok().map(|v| v.to_string()))));
    Cx { ports, now: Millis(js_sys::Date::now() as i64), ids: Arc::new(Random), background, config: config.clone() }
}

struct Random;

impl Entropy for Random {
    fn fill(&self, bytes: &mut [u8]) {
        if let Err(error) = getrandom::fill(bytes) {
            // Going on with predictable tokens would be worse than ending this isolate.
            ::log::error!("The platform gives no random numbers: {error}");
            worker::wasm_bindgen::throw_str("no random numbers");
        }
    }
}

struct WaitUntil(SendWrapper<Context>);

#[async_trait]
impl Background for WaitUntil {
    fn spawn(&self, work: BoxFuture<'static, ()>) {
        self.0.wait_until(work);
    }
}

/// The JavaScript error's own words.
fn words(error: &wasm_bindgen::JsValue) -> String {
    use wasm_bindgen::JsCast;
    match error.dyn_ref::<js_sys::Error>() {
        Some(error) => String::from(error.message()),
        None => error.as_string().unwrap_or_else(|| format!("{error:?}")),
    }
}
