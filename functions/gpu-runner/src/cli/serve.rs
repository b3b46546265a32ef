//! `gpu-runner serve`: the runner of a deployment.

use std::path::PathBuf;
use std::process;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use protocol::runner::Register;
use reqwest::Url;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::level_filters::LevelFilter;
use tracing::{info, warn};

use super::hardware::{self, Hardware};
use super::model::user_cache;
use super::own_models;
use crate::backend::{CandleBackend, model_name};
use crate::device;
use crate::memory_budget::MemoryBudget;
use crate::pipeline;
use crate::serve::stop::{self, Stopper};
use crate::serve::{Config, MakeBackend, OwnModel, Pace, TaskType, TrainingOptions};
use crate::starter;

/// Pull tasks from a deployment's queues, draw them and train. The log's level is taken from RUST_LOG (error … trace)
#[derive(Args)]
pub struct Serve {
    /// Where the deployment is, such as https://draw.example
    #[arg(long)]
    edge: Url,
    /// The deployment's secret for new runners
    #[arg(long, env = "RUNNER_REGISTRATION_TOKEN", hide_env_values = true)]
    registration_token: String,
    /// The queue's account, up to and including …/accounts/ID [default: the edge's own, EDGE/client/v4/accounts/local]
    #[arg(long)]
    queue_url: Option<Url>,
    #[arg(long, env = "QUEUE_TOKEN", hide_env_values = true)]
    queue_token: String,
    /// Directory in the diffusers layout, a model in one .safetensors file, or org/name[@revision] on Hugging Face; may
    /// be repeated: tasks that name no model are drawn with the first. With ID, tasks that name the deployment's model
    /// of this number are drawn with it, instead of with the deployment's file. `starter` is the small one that comes
    /// with this
    #[arg(long, default_value = starter::NAME, value_name = "[ID=]MODEL")]
    model: Vec<String>,
    /// For models in one file: directory with CLIP's vocabulary, or of a model that has it [default: for those of the
    /// deployment, a --model that has it]
    #[arg(long, value_name = "DIR")]
    tokenizer: Option<PathBuf>,
    /// What the deployment knows this runner by; two of the same name end each other's registration. Of a runner that
    /// draws and trains the trainer is NAME-training [default: HOST-PID]
    #[arg(long)]
    name: Option<String>,
    /// What models, pictures and a training may take, such as 8G: more models stay loaded, and what can't fit is
    /// refused [default: three quarters of the machine's, or the GPU's]
    #[arg(long, value_parser = hardware::bytes)]
    memory: Option<u64>,
    /// Which tasks it takes; may be repeated. A runner that draws and trains draws first: a training waits meanwhile
    #[arg(long = "type", value_enum, default_value = "inference", value_name = "TYPE")]
    types: Vec<TaskType>,
    /// Pause between two looks into an empty queue; after a minute without work at least half a second
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(10..=60_000))]
    poll_ms: u64,
    /// Where models of the deployment are kept, images and states of trainings, and the starter model [default:
    /// gpu-runner in the user's cache directory]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// What they may take up there, such as 100G; those not used for longest make room for others
    #[arg(long, default_value = "64G", value_name = "BYTES", value_parser = hardware::bytes)]
    cache_size: u64,
    /// A preview picture after every so many steps, 0 for none [default: a fifth of the steps]
    #[arg(long)]
    preview_every: Option<u32>,
    /// Seconds between two uploads of a training's state, which another runner goes on from
    #[arg(long, env = "STATE_EVERY_S", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    state_every_s: u64,
    /// Steps between two uploads of a training's state, beside those that --state-every-s brings; 0 for none
    #[arg(long, default_value_t = 0)]
    state_every_steps: u32,
    /// A sample of a training after every so many steps, 0 for none; at most 20 [default: a tenth of the steps, and at
    /// least 30 seconds]
    #[arg(long)]
    sample_every: Option<u32>,
    /// How long a task may go on after SIGTERM before it is handed back
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(..=3_600_000))]
    grace_ms: u64,
    #[command(flatten)]
    hardware: Hardware,
}

impl Serve {
    pub fn run(self) -> Result<()> {
        log_to_stderr();
        let cache = self.cache.clone().unwrap_or_else(user_cache);
        let models = own_models::find(&self.model, self.tokenizer.as_deref(), &cache)?;
        let tokenizer = self.tokenizer.clone().or_else(|| own_models::vocabulary(&models));
        let on = self.hardware.open()?;
        let (gpu, whole) = device::describe(&on.device);
        let memory = MemoryBudget::new(self.memory.or_else(|| hardware::budget(whole)));
        let draws = self.types.contains(&TaskType::Inference);
        let own = models.first().filter(|_| draws).map(|own| pipeline::memory::weights(&own.path, on.dtype));
        let training = TrainingOptions {
            device: on.device.clone(),
            tokenizer: tokenizer.clone(),
            memory: memory.clone(),
            kept_for_drawing: own.transpose()?.unwrap_or(0),
            state_every: Duration::from_secs(self.state_every_s),
            state_every_steps: self.state_every_steps,
            sample_every: self.sample_every,
            after_step: None,
        };
        let config = self.config(models, cache, (gpu, whole), training)?;
        info!(device = config.register.gpu, dtype = on.dtype.as_str(), models = ?config.register.models, edge = %config.edge, "starting");
        let make: MakeBackend = Arc::new(move || {
            Box::new(CandleBackend::new(on.clone()).with_tokenizer(tokenizer.clone()).with_memory(memory.clone()))
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let (stopper, stop) = stop::channel();
            let signals = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
            tokio::spawn(obey(signals, stopper));
            crate::serve::serve(config, make, stop).await
        })
    }

    fn config(
        self,
        models: Vec<OwnModel>,
        cache: PathBuf,
        (gpu, whole): (String, u64),
        training: TrainingOptions,
    ) -> Result<Config> {
        for url in std::iter::once(&self.edge).chain(&self.queue_url) {
            ensure!(matches!(url.scheme(), "http" | "https"), "{url} is not an http address");
        }
        let queue = match self.queue_url {
            Some(url) => url,
            None => {
                let own = format!("{}/client/v4/accounts/local", self.edge.as_str().trim_end_matches('/'));
                Url::parse(&own).context(own)?
            }
        };
        let memory = i64::try_from(self.memory.unwrap_or(whole)).unwrap_or(0);
        let register = Register {
            name: self.name.unwrap_or_else(hardware::own_name),
            kind: String::new(),
            gpu,
            memory,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            models: models.iter().map(|own| model_name(&own.path)).collect(),
        };
        let pace = Pace {
            poll: Duration::from_millis(self.poll_ms),
            grace: Duration::from_millis(self.grace_ms),
            ..Pace::default()
        };
        Ok(Config {
            edge: self.edge,
            registration_token: self.registration_token,
            queue,
            queue_token: self.queue_token,
            register,
            types: types(&self.types),
            models,
            cache,
            cache_size: self.cache_size,
            preview_every: self.preview_every,
            training,
            pace,
        })
    }
}

/// Each once, drawing first.
fn types(given: &[TaskType]) -> Vec<TaskType> {
    [TaskType::Inference, TaskType::Training].into_iter().filter(|kind| given.contains(kind)).collect()
}

/// The first signal is a wish, the second an order.
async fn obey((mut terminate, mut interrupt): (Signal, Signal), stopper: Stopper) {
    let mut any = async || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    any().await;
    info!("stopping; a second signal ends the runner at once");
    stopper.stop();
    any().await;
    warn!("ended at once; a task in hand is taken over when its lease runs out");
    process::exit(130);
}

fn log_to_stderr() {
    let level = std::env::var("RUST_LOG").ok().and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    tracing_subscriber::fmt().with_max_level(level).with_target(false).with_writer(std::io::stderr).init();
}
