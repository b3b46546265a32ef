//! `gpu-runner train`: trains without the edge. What it keeps beside the result lets the same command go on.

mod options;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, anyhow, ensure};
use candle_core::DType;
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::signal::unix::{SignalKind, signal};

use super::model;
use crate::Code;
use crate::backend::Control;
use crate::device::Choice;
use crate::pipeline;
use crate::train::data::{Batches, Directory, Options as Pictures};
use crate::train::export::{About, Base, Learning, check_directory, facts, result, untold};
use crate::train::samples::{Sampler, Samples};
use crate::train::{Examples, Identity, State, train};
use options::{Options, Type};

/// Learn from pictures. The same command goes on where it was stopped
#[derive(Args)]
pub struct Train {
    /// What comes of it
    #[arg(long = "type", value_enum)]
    kind: Type,
    /// Directory in the diffusers layout, a model in one .safetensors file, org/name[@revision] on Hugging Face, or
    /// `starter`, the small one that comes with this
    #[arg(long)]
    model: String,
    /// For a model in one file: directory with CLIP's vocabulary, or of a model that has it
    #[arg(long, value_name = "DIR")]
    tokenizer: Option<PathBuf>,
    /// Directory of pictures, with captions beside them: 1.png, 1.txt
    #[arg(long)]
    data: PathBuf,
    /// Directory of pictures, with captions, of what the model is not to forget
    #[arg(long, value_name = "DIR")]
    prior: Option<PathBuf>,
    /// Words that all captions have, and the caption of pictures that have none. Of ti: the word to learn
    #[arg(long, value_name = "WORDS")]
    trigger: Option<String>,
    /// Pictures are learnt at this many pixels squared, in their own shapes [default: what the model was made for]
    #[arg(long)]
    resolution: Option<usize>,
    /// The result: a .safetensors file; of ckp also a directory in the diffusers layout
    #[arg(long)]
    out: PathBuf,
    /// Precision of the numbers in the result
    #[arg(long, value_enum, default_value = "f16")]
    save_as: Precision,
    #[command(flatten)]
    options: Options,
    /// Prompt to draw on the way, into OUT.samples; may be repeated
    #[arg(long, value_name = "PROMPT")]
    sample: Vec<String>,
    /// Steps between two drawings
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    sample_every: u32,
    /// Of each sample
    #[arg(long, default_value_t = 20)]
    sample_steps: u32,
    #[arg(long, default_value_t = 7.5)]
    sample_guidance: f64,
    /// cpu, cuda or cuda:N [default: the first GPU where this was built for GPUs and there is one, else cpu]
    #[arg(long)]
    device: Option<Choice>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Precision {
    F32,
    F16,
    Bf16,
}

impl Train {
    pub fn run(self) -> Result<()> {
        self.check_out()?;
        let stopped = interrupted()?;
        let device = self.device.unwrap_or_else(Choice::best).open().map_err(|why| anyhow!("--device {why}"))?;
        let path = model::locate(&self.model, &model::user_cache())?;
        if !self.one_file() {
            check_directory(&self.out, &path)?;
        }
        let parts = pipeline::open(&path, self.tokenizer.as_deref())?;
        if self.kind == Type::Ckp && self.one_file() {
            for untold in untold(&*parts)? {
                eprintln!("warning: of one file other programs do not know {untold}; a directory does tell them");
            }
        }
        let resolution = self.resolution.map_or_else(|| pipeline::side(&*parts), Ok)?;
        let examples = self.examples(resolution)?;
        let per_epoch = |batch| Batches::of(&*examples, batch, self.options.seed).per_epoch();
        let plan = self.options.plan(self.kind, self.trigger.as_deref(), per_epoch)?;
        let base = Base::of(&path, &*parts)?;

        let state = State::open(&beside(&self.out, "state"), Identity::of(&plan, &*examples, &base.hash))?;
        let title = self.out.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let facts = facts(&plan, &*examples);
        let about = About { base: &base, title, resolution, trigger: self.trigger.clone(), facts };
        let samples = self.samples(resolution)?;
        let shown = beside(&self.out, "samples");
        let mut sampler = match &samples {
            Some(samples) => {
                std::fs::create_dir_all(&shown).with_context(|| shown.display().to_string())?;
                Some(Sampler::new(samples, &plan, (&path, &*parts), &about, &shown, &device)?)
            }
            None => None,
        };

        let bar = ProgressBar::new(plan.course.steps as u64);
        bar.set_style(ProgressStyle::with_template("[{bar:32}] {pos}/{len} steps, {msg}, {eta} left")?);
        let mut last = None;
        let learned = train(&plan, &*parts, &*examples, Some(&state), &device, &mut |progress, learned| {
            bar.set_position(progress.step as u64);
            bar.set_message(format!(
                "loss {:.4}, rate {:.2e}, {:.2} s",
                progress.loss, progress.rate, progress.seconds
            ));
            last = Some(*progress);
            let due = progress.step.is_multiple_of(self.sample_every as usize) || progress.step == progress.of;
            if let Some(sampler) = sampler.as_mut().filter(|_| due) {
                for path in sampler.draw(progress.step, learned.tensors()?)? {
                    bar.suspend(|| println!("{}", path.display()));
                }
            }
            Ok(if stopped.load(Ordering::Relaxed) { Control::Cancel } else { Control::Continue })
        });
        bar.finish_and_clear();
        let learned = learned.map_err(|e| match e.code {
            Code::Canceled => anyhow!(e).context("the same command goes on from here"),
            _ => anyhow!(e),
        })?;
        let dtype = match self.save_as {
            Precision::F32 => DType::F32,
            Precision::F16 => DType::F16,
            Precision::Bf16 => DType::BF16,
        };
        result(&self.out, Learning { kind: &plan.kind, model: (&path, &*parts), learned }, &about, dtype)?;
        state.remove()?;
        match last {
            Some(last) => println!("{} after {} steps, loss {:.4}", self.out.display(), last.of, last.loss),
            None => println!("{} from what was learnt before", self.out.display()),
        }
        Ok(())
    }

    fn one_file(&self) -> bool {
        self.out.extension().is_some_and(|extension| extension == "safetensors")
    }

    /// Before the work, not after it.
    fn check_out(&self) -> Result<()> {
        let parent = self.out.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        ensure!(parent.is_dir(), "{} is not a directory", parent.display());
        let one = self.one_file();
        ensure!(one || self.kind == Type::Ckp, "{} does not end in .safetensors", self.out.display());
        ensure!(!one || !self.out.is_dir(), "{} is a directory", self.out.display());
        Ok(())
    }

    fn examples(&self, resolution: usize) -> Result<Box<dyn Examples>> {
        let bar = ProgressBar::new(0);
        bar.set_style(ProgressStyle::with_template("looking at pictures [{bar:32}] {pos}/{len}")?);
        let open = |dir: &Path, trigger: Option<String>| {
            let pictures = Pictures { trigger, ..Pictures::at(resolution) };
            Directory::open(dir, &pictures, &|done, of| {
                bar.set_length(of as u64);
                bar.set_position(done as u64);
            })
        };
        let learned = open(&self.data, self.trigger.clone())?;
        let examples: Box<dyn Examples> = match &self.prior {
            Some(prior) => Box::new(learned.keeping(open(prior, None)?)),
            None => Box::new(learned),
        };
        bar.finish_and_clear();
        Ok(examples)
    }

    fn samples(&self, resolution: usize) -> Result<Option<Samples>> {
        let side = u32::try_from(resolution / 8 * 8).context("--resolution")?;
        Ok((!self.sample.is_empty()).then(|| Samples {
            prompts: self.sample.clone(),
            width: side,
            height: side,
            steps: self.sample_steps,
            guidance: self.sample_guidance,
            seed: 1,
        }))
    }
}

/// `dir/name.safetensors` → `dir/name.safetensors.state`.
fn beside(path: &Path, what: &str) -> PathBuf {
    let mut name = OsString::from(path.as_os_str().to_string_lossy().trim_end_matches('/'));
    name.push(format!(".{what}"));
    PathBuf::from(name)
}

/// Becomes true at the first signal to stop: the step at hand is done and kept. The second ends the process.
fn interrupted() -> Result<Arc<AtomicBool>> {
    let stopped = Arc::new(AtomicBool::new(false));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let (mut terminate, mut interrupt) = {
        let _within = runtime.enter();
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)
    };
    let flag = stopped.clone();
    std::thread::spawn(move || {
        runtime.block_on(async {
            loop {
                tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
                if flag.swap(true, Ordering::Relaxed) {
                    std::process::exit(130);
                }
            }
        });
    });
    Ok(stopped)
}
