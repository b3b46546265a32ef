//! Cloudflare Workers: bindings to ports, requests to `web`. Everything here lives on one thread; `SendWrapper` and
//! `into_send` tell the compiler so, here and nowhere else.

mod blobs;
mod d1;
mod fetch;
mod hub;
mod js;
mod kv;
mod log;
mod request;

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use domain::Millis;
use futures_util::future::BoxFuture;
use ports::unbound::Unbound;
use ports::{Background, Config, Rng, Runtime, Source, Sql};
use worker::send::SendWrapper;
use worker::{Context, Env};

use crate::engines;

pub use hub::{JOIN_HEADER, event_stream_text};

/// Answers one request with a function's app.
pub async fn serve<const ENGINES: u8>(
    app: &web::App,
    request: web_sys::Request,
    env: Env,
    context: Context,
) -> worker::Result<web_sys::Response> {
    let runtime = runtime::<ENGINES>(&env, Arc::new(WaitUntil(SendWrapper::new(context))));
    let request = request::inward(&request)?;
    let response = app.handle(runtime, request).await;
    request::outward(response).await
}

/// The runtime of a request or an alarm, over whatever is bound of the database, queue, hub and `ENGINES`.
pub fn runtime<const ENGINES: u8>(env: &Env, background: Arc<dyn Background>) -> Runtime {
    log::install();
    let sql: Arc<dyn Sql> = match d1::D1::bound(env) {
        Some(d1) => Arc::new(d1),
        None => Arc::new(Unbound("D1 database DB")),
    };
    let bindings = Arc::new(env.clone());
    // The settings cannot change while an isolate lives.
    static CONFIG: OnceLock<Arc<Config>> = OnceLock::new();
    let config = CONFIG.get_or_init(|| Arc::new(Config::read(|name| env.var(name).ok().map(|v| v.to_string()))));
    Runtime {
        kv: if ENGINES & engines::KV == 0 { not_linked() } else { Arc::new(kv::WorkersKv(bindings.clone())) },
        blobs: if ENGINES & engines::BLOBS == 0 { not_linked() } else { Arc::new(blobs::R2(bindings.clone())) },
        fetch: if ENGINES & engines::FETCH == 0 { not_linked() } else { Arc::new(fetch::GlobalFetch) },
        queue: Arc::new(store::queue::SqlQueue(sql.clone())),
        hub: Arc::new(hub::DurableHub(bindings)),
        sql,
        rng: Arc::new(PlatformRng),
        background,
        now: Millis(js_sys::Date::now() as i64),
        config: config.clone(),
    }
}

/// The place of an engine that the function was not linked with.
fn not_linked() -> Arc<Unbound> {
    Arc::new(Unbound("an engine that this function does not use"))
}

struct PlatformRng;

impl Rng for PlatformRng {
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

/// A JavaScript error's message.
fn message(error: &wasm_bindgen::JsValue) -> String {
    use wasm_bindgen::JsCast;
    match error.dyn_ref::<js_sys::Error>() {
        Some(error) => String::from(error.message()),
        None => error.as_string().unwrap_or_else(|| format!("{error:?}")),
    }
}

/// A JavaScript error as the source of a port's error. Only its message crosses: the value itself belongs to one
/// thread.
fn source(error: wasm_bindgen::JsValue) -> Source {
    Source::new(message(&error))
}
