//! Spin (WASI 0.2): its SQLite and key-value stores to ports, its requests to `web`. An instance serves one request, so
//! nothing here outlives one. There is no object store and no hub: those ports are unbound.

mod fetch;
mod http;
mod kv;
mod sql;

use std::sync::{Arc, Mutex, PoisonError};

use domain::Millis;
use futures_util::future::BoxFuture;
use ports::unbound::Unbound;
use ports::{Background, Config, Rng, Runtime, Sql};
use spin_sdk::http::{IncomingRequest, ResponseOutparam};

/// Answers one request with a function's app, then does the work after the reply.
pub async fn serve(app: &web::App, request: IncomingRequest, out: ResponseOutparam) {
    let after = Arc::new(After::default());
    let runtime = runtime(after.clone());
    let response = match http::inward(request) {
        Ok(request) => app.handle(runtime.clone(), request).await,
        Err(response) => *response,
    };
    http::outward(response, out).await;
    // There is no sweeper to do it.
    store::webhooks::dispatch(&runtime);
    loop {
        let work = std::mem::take(&mut *after.0.lock().unwrap_or_else(PoisonError::into_inner));
        if work.is_empty() {
            return;
        }
        for task in work {
            task.await;
        }
    }
}

fn runtime(background: Arc<dyn Background>) -> Runtime {
    log();
    let sql: Arc<dyn Sql> = Arc::new(sql::SpinSql);
    // Spin's variables are lower-case.
    let config = Config::read(|name| spin_sdk::variables::get(&name.to_lowercase()).ok());
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Runtime {
        kv: Arc::new(kv::SpinKv),
        blobs: Arc::new(Unbound("an object store")),
        queue: Arc::new(store::queue::SqlQueue(sql.clone())),
        hub: Arc::new(Unbound("a hub for sockets")),
        fetch: Arc::new(fetch::SpinFetch),
        sql,
        rng: Arc::new(PlatformRng),
        background,
        now: Millis(i64::try_from(since.as_millis()).unwrap_or_default()),
        config: Arc::new(config),
    }
}

struct PlatformRng;

impl Rng for PlatformRng {
    fn fill(&self, bytes: &mut [u8]) {
        if let Err(error) = getrandom::fill(bytes) {
            // Going on with predictable tokens would be worse than ending this instance.
            log::error!("The platform gives no random numbers: {error}");
            std::process::abort();
        }
    }
}

#[derive(Default)]
struct After(Mutex<Vec<BoxFuture<'static, ()>>>);

impl Background for After {
    fn spawn(&self, work: BoxFuture<'static, ()>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(work);
    }
}

struct Stderr;

impl log::Log for Stderr {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::Level::Info
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            eprintln!("{} {}", record.level(), record.args());
        }
    }

    fn flush(&self) {}
}

fn log() {
    if log::set_logger(&Stderr).is_ok() {
        log::set_max_level(log::LevelFilter::Info);
    }
}
