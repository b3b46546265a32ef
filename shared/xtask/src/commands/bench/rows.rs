//! `cargo xtask bench rows`: rows that D1 reads for each list, and its time, with 10,000 images and with a million.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::stats::median;
use crate::support::bindings;
use crate::support::build_profile::BuildProfile;
use crate::support::command::run_quietly;
use crate::support::edge_process::{DirectWorker, EdgeOptions, EdgeProcess};
use crate::support::scratch_dir::ScratchDir;
use crate::support::shutdown::ShutdownSignal;
use crate::support::tools::Tools;
use crate::support::workspace::Workspace;
use crate::support::{bundle, functions_build, setup};

/// Rows of a page.
const PAGE: u64 = 20;
/// Rows that a list may read which is filtered by nothing, user, tag, `public` or date, or continued by a cursor.
const MOST_READ: u64 = 3 * PAGE + 20;
/// Rows that any other list may read.
const MOST_READ_OTHERWISE: u64 = 10_100;
/// The time of a list may grow by this factor.
const MOST_SLOWER: f64 = 1.5;
/// Rows of one INSERT.
const CHUNK: u64 = 20_000;

#[derive(clap::Args)]
pub struct Args {
    /// Number of images; there are 0.3 times as many tasks
    #[arg(long, default_value_t = 1_000_000)]
    images: u64,
    /// Number of images beside it
    #[arg(long, default_value_t = 10_000)]
    beside: u64,
    /// Requests of which the median time is taken
    #[arg(long, default_value_t = 21)]
    requests: usize,
}

/// A list, and whether it is one of those that read little.
struct List {
    path: &'static str,
    signed_in: bool,
    reads_little: bool,
}

const fn list(path: &'static str) -> List {
    List { path, signed_in: false, reads_little: true }
}

const LISTS: [List; 19] = [
    list("/api/images"),
    List { reads_little: false, ..list("/api/images?page=400") },
    list("/api/images?sort=date%2B"),
    list("/api/images?user=7"),
    list("/api/images?tag=7"),
    list("/api/images?tag=tag%207"),
    list("/api/images?public=true"),
    List { reads_little: false, ..list("/api/images?date=2023") },
    List { reads_little: false, ..list("/api/images?date=2023&user=7") },
    List { reads_little: false, ..list("/api/images?tag=7&user=7") },
    List { signed_in: true, ..list("/api/images") },
    List { signed_in: true, ..list("/api/images?user=me") },
    List { signed_in: true, ..list("/api/images?public=false") },
    List { signed_in: true, ..list("/api/images?tag=7") },
    list("/api/tags"),
    list("/api/tags?sort=hot"),
    List { reads_little: false, ..list("/api/tags?user=7") },
    List { signed_in: true, ..list("/api/tasks") },
    List { signed_in: true, reads_little: false, ..list("/api/tasks?status=success") },
];

/// One measurement.
struct Measured {
    rows_read: u64,
    time: Duration,
    total: Value,
}

pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let tools = setup::run(workspace)?;
    functions_build::run(workspace, &tools, &workspace.select(&[])?, BuildProfile::Release)?;
    let scratch = ScratchDir::new()?;
    let state = scratch.path().join("edge");
    let options = EdgeOptions { port: 0, state, profile: BuildProfile::Release, vars: BTreeMap::new() };
    let mut urls = BTreeMap::new();
    let mut workers = Vec::new();
    for name in ["images", "tags", "tasks"] {
        let worker = counting_worker(workspace, &tools, name)?;
        urls.insert(name, worker.url());
        workers.push(worker);
    }
    let shutdown = ShutdownSignal::on_signals()?;
    let edge = EdgeProcess::start_with_direct_workers(workspace, &tools, &options, workers, &shutdown)?;
    let bench = Bench { urls, token: sign_up(&edge.url)?, requests: args.requests };

    let users = 2_000;
    bench.seed("users", 2, users, 0)?;
    bench.seed("tags", 1, 1_000, 0)?;
    bench.seed_images(1, args.beside, users)?;
    let few = bench.measure()?;
    bench.seed_images(args.beside + 1, args.images, users)?;
    let many = bench.measure()?;

    println!("lists of {PAGE}: rows that D1 reads, median time of {} requests", args.requests);
    println!("{:44} {:>18} {:>18}  total", "", format!("{} images", args.beside), format!("{} images", args.images));
    let mut missed = Vec::new();
    for (list, (few, many)) in LISTS.iter().zip(few.iter().zip(&many)) {
        let name = format!("{}{}", list.path, if list.signed_in { " (signed in)" } else { "" });
        let cell = |m: &Measured| format!("{:>6}  {:>7.2} ms", m.rows_read, m.time.as_secs_f64() * 1e3);
        println!("{name:44} {:>18} {:>18}  {}", cell(few), cell(many), many.total);
        let most = if list.reads_little { MOST_READ } else { MOST_READ_OTHERWISE };
        if many.rows_read > most {
            missed.push(format!("{name} reads {} rows, more than {most}", many.rows_read));
        }
        let slower = many.time.as_secs_f64() / few.time.as_secs_f64();
        if list.reads_little && slower > MOST_SLOWER {
            missed.push(format!("{name} takes {slower:.2} times as long, more than {MOST_SLOWER}"));
        }
    }
    ensure!(missed.is_empty(), "limits are not met:\n{}", missed.join("\n"));
    Ok(())
}

/// The Worker of a function around which `rows.mjs` counts.
fn counting_worker(workspace: &Workspace, tools: &Tools, name: &str) -> Result<DirectWorker> {
    let function = workspace.function(name)?;
    let made = bundle::dir(workspace, function, BuildProfile::Release);
    let dir = workspace.target.join("bench").join(format!("rows-{name}"));
    fs::create_dir_all(&dir)?;
    fs::copy(made.join("index.wasm"), dir.join("index.wasm"))?;
    let mut esbuild = tools.esbuild();
    esbuild.arg(workspace.path("shared/xtask/bench/rows.mjs"));
    esbuild.args(["--bundle", "--format=esm", "--external:*.wasm"]);
    esbuild.arg(format!("--alias:function={}", made.join("index.js").display()));
    run_quietly(esbuild.arg(format!("--outfile={}", dir.join("index.js").display())))?;
    let worker = bindings::worker(workspace, function)?;
    DirectWorker::extra(bindings::Worker { name: format!("bench-rows-{name}"), crons: Vec::new(), ..worker }, dir)
}

/// The token of a new user, who has the id 1.
fn sign_up(edge: &str) -> Result<String> {
    let account = json!({"email": "bench@example.com", "password": "bench-bench", "name": "bench"});
    agent().post(format!("{edge}/api/users")).send_json(&account)?;
    let mut session = agent().post(format!("{edge}/api/sessions")).send_json(&account)?;
    let session: Value = session.body_mut().read_json()?;
    Ok(session["token"].as_str().context("a log-in without a token")?.to_owned())
}

struct Bench {
    /// By function.
    urls: BTreeMap<&'static str, String>,
    token: String,
    requests: usize,
}

impl Bench {
    fn seed_images(&self, from: u64, until: u64, users: u64) -> Result<()> {
        self.seed("images", from, until, users)?;
        self.seed("image_tags", from, until, 1_000)?;
        self.seed("tasks", from * 3 / 10 + 1, until * 3 / 10, users)
    }

    fn seed(&self, table: &str, from: u64, until: u64, modulus: u64) -> Result<()> {
        let mut next = from;
        while next <= until {
            let last = until.min(next + CHUNK - 1);
            let rows = json!({"table": table, "from": next, "until": last, "modulus": modulus});
            agent().post(format!("{}/seed", self.urls["images"])).send_json(&rows)?;
            next = last + 1;
        }
        Ok(())
    }

    fn measure(&self) -> Result<Vec<Measured>> {
        LISTS.iter().map(|list| self.measure_list(list)).collect()
    }

    fn measure_list(&self, list: &List) -> Result<Measured> {
        let name = list.path.trim_start_matches("/api/").split('?').next().unwrap_or_default();
        let url = format!("{}{}", self.urls[name], list.path);
        let mut times = Vec::new();
        let (mut rows_read, mut total) = (0, Value::Null);
        for _ in 0..self.requests {
            let mut request = agent().get(&url);
            if list.signed_in {
                request = request.header("authorization", &format!("Bearer {}", self.token));
            }
            let begun = Instant::now();
            let mut reply = request.call().with_context(|| url.clone())?;
            let page: Value = reply.body_mut().read_json()?;
            times.push(begun.elapsed());
            let read = reply.headers().get("x-rows-read").and_then(|rows| rows.to_str().ok()).unwrap_or_default();
            rows_read = read.parse().context("x-rows-read")?;
            ensure!(page["list"].as_array().is_some_and(|rows| !rows.is_empty()), "{url} is empty");
            total = page["total"].clone();
        }
        Ok(Measured { rows_read, time: median(times), total })
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(300))).build().into()
}
