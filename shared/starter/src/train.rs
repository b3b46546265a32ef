//! How the starter model comes to be: four lessons, one after the other, each with the trainer's own loop and a state
//! that outlives a kill. Beside the model, in `{out}.training`, stands all that was learnt so far.
//!
//! The autoencoder learns pictures, its decoder some more by itself, the text encoder what captions say, and then the
//! denoiser, and the text encoder with it: that is the trainer's checkpoint training, as anybody runs it on a model of
//! their own.

mod autoencoder;
mod command;
mod design;
mod whiten;
mod words;

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use candle_core::{DType, Device, Tensor};
use gpu_runner::backend::Control;
use gpu_runner::models::clip::TextConfig;
use gpu_runner::models::config::Config;
use gpu_runner::models::unet::{Unet, UnetConfig};
use gpu_runner::models::vae::{Vae, VaeConfig};
use gpu_runner::pipeline;
use gpu_runner::tiny::RandomWeights;
use gpu_runner::tokenizer::Tokenizer;
use gpu_runner::train::{
    AdamW, Course, Examples, Identity, Kind, Learned, Learner, Learns, Overlay, Plan, Progress, Rate, Shape, State,
    Times, Weighting, export,
};
use gpu_runner::{Code, DrawError};

pub use command::Train;

use crate::data::World;
use crate::draw::SIDE;
use crate::scene::{Mix, Part};

/// Steps of each lesson, and what is shown in them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lessons {
    pub seed: u64,
    pub autoencoder: usize,
    pub decoder: usize,
    pub words: usize,
    pub denoiser: usize,
    /// Scenes that the denoiser sees, again and again.
    pub scenes: usize,
    /// Steps between two looks at what the model draws by now.
    pub look_every: usize,
}

/// Of the lesson, from the step.
pub type Events<'a> = dyn FnMut(&str, &Progress) -> Control + 'a;

const VAE: &str = "vae/diffusion_pytorch_model.safetensors";
const TEXT: &str = "text_encoder/model.safetensors";
const UNET: &str = "unet/diffusion_pytorch_model.safetensors";

/// Share of scenes with two objects.
const PAIRS: f32 = 0.2;

/// Trains into the directory `out`, which is not there yet. Called again after a stop it goes on.
pub fn train(out: &Path, lessons: &Lessons, events: &mut Events) -> Result<()> {
    let mut beside = OsString::from(out);
    beside.push(".training");
    let beside = PathBuf::from(beside);
    let begun = beside.join("begun");
    begin(&beside, lessons)?;
    design::write(&begun)?;
    once(&begun.join(VAE), || autoencoder(&beside, lessons, events))?;
    once(&begun.join(TEXT), || words(&beside, lessons, events))?;
    once(&begun.join(UNET), || {
        let random = RandomWeights::new(lessons.seed.wrapping_add(2));
        Unet::load(&UnetConfig::checked(&config(&begun, "unet")?)?, random.builder())?;
        Ok(random.all())
    })?;
    denoiser(out, &beside, lessons, events)
}

/// Holds this training to the lessons that it was begun with: what the first ones gave is not looked at again.
fn begin(beside: &Path, lessons: &Lessons) -> Result<()> {
    let path = beside.join("lessons");
    // Looking changes nothing.
    let told = format!("{:?}\n", Lessons { look_every: 0, ..*lessons });
    match fs::read_to_string(&path) {
        Ok(known) if known == told => Ok(()),
        Ok(known) => {
            let message = format!("it was begun with other lessons: {}", known.trim());
            Err(DrawError::new(Code::StateMismatch, message).at(path.display()).into())
        }
        Err(_) => {
            fs::create_dir_all(beside).with_context(|| beside.display().to_string())?;
            fs::write(&path, told).with_context(|| path.display().to_string())
        }
    }
}

fn autoencoder(beside: &Path, lessons: &Lessons, events: &mut Events) -> Result<HashMap<String, Tensor>> {
    const BATCH: usize = 16;
    let config = VaeConfig::checked(&config(&beside.join("begun"), "vae")?)?;
    let world = world(lessons.seed, lessons.autoencoder.saturating_mul(BATCH));
    let lesson = autoencoder::Lesson::new(&config, world, BATCH, lessons.seed)?;
    let course = course(lessons.autoencoder, 2e-3, None);
    let mut learned = run("autoencoder", &lesson, &course, (&world, lessons), beside, events)?;

    let vae = loaded(&config, &learned)?;
    let mut means = Vec::new();
    for some in (0..1024).collect::<Vec<_>>().chunks(32) {
        let moments = vae.moments(&autoencoder::pictures(&world, some.iter().copied())?)?;
        means.push(moments.narrow(1, 0, config.latent_channels)?);
    }
    whiten::whiten(&mut learned, &Tensor::cat(&means, 0)?)?;
    decoder(of_part(learned, "vae"), &config, beside, lessons, events)
}

fn decoder(
    mut whole: HashMap<String, Tensor>,
    config: &VaeConfig,
    beside: &Path,
    lessons: &Lessons,
    events: &mut Events,
) -> Result<HashMap<String, Tensor>> {
    const BATCH: usize = 16;
    let seed = lessons.seed.wrapping_add(3);
    let world = world(seed, lessons.decoder.saturating_mul(BATCH));
    let lesson = autoencoder::Lesson::of_decoder(config, whole.clone(), world, BATCH, seed)?;
    let course = course(lessons.decoder, 1e-3, Some(0.999));
    whole.extend(of_part(run("decoder", &lesson, &course, (&world, lessons), beside, events)?, "vae"));
    Ok(whole)
}

fn loaded(config: &VaeConfig, learned: &BTreeMap<String, Tensor>) -> Result<Vae> {
    let tensors = of_part(learned.clone(), "vae");
    Ok(Vae::load(config, candle_nn::VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu))?)
}

fn words(beside: &Path, lessons: &Lessons, events: &mut Events) -> Result<HashMap<String, Tensor>> {
    const BATCH: usize = 64;
    let begun = beside.join("begun");
    let config = TextConfig::checked(&config(&begun, "text_encoder")?)?;
    let tokenizer = Tokenizer::load(&begun.join("tokenizer"), config.max_position_embeddings, config.vocab_size)?;
    // Half of it with two objects: there is more to tell.
    let mix = Mix { part: Part::Training, pairs: 0.5 };
    let world =
        World { mix, ..world(lessons.seed.wrapping_add(1), lessons.words.saturating_add(20).saturating_mul(BATCH)) };
    let lesson = words::Lesson::new(&config, tokenizer, world, BATCH, lessons.seed.wrapping_add(1))?;
    let course = course(lessons.words, 1e-3, None);
    let learned = run("words", &lesson, &course, (&world, lessons), beside, events)?;
    let right = (0..20).map(|step| lesson.right(lessons.words + step)).sum::<Result<f64, DrawError>>()? / 20.0;
    eprintln!("words: {:.1} % of what captions say is understood", 100.0 * right);
    Ok(of_part(learned, "text_encoder"))
}

fn denoiser(out: &Path, beside: &Path, lessons: &Lessons, events: &mut Events) -> Result<()> {
    let begun = beside.join("begun");
    let parts = pipeline::open(&begun, None)?;
    let plan = Plan {
        batch: 32,
        times: Times::Power(1.5),
        weighting: Weighting::Plain,
        // It knows its words: at the UNet's rate it would first unlearn them.
        text_rate: 0.2,
        caption_dropout: 0.1,
        seed: lessons.seed,
        course: course(lessons.denoiser, 1.5e-3, Some(0.999)),
        ..Plan::new(Kind::Checkpoint(Learns { unet: true, text: true }), lessons.denoiser)
    };
    let world = world(lessons.seed.wrapping_add(2), lessons.scenes);
    let state = State::open(&beside.join("denoiser"), Identity::of(&plan, &world, "starter"))?;
    let export = |learned: BTreeMap<String, Tensor>, to: &Path| {
        export::directory(to, &begun, &Overlay { parts: &*parts, learned }, DType::F16)
    };
    let learned =
        gpu_runner::train::train(&plan, &*parts, &world, Some(&state), &Device::Cpu, &mut |progress, learned| {
            if progress.step.is_multiple_of(lessons.look_every) {
                let now = beside.join(format!("after-{}", progress.step));
                // Left by a run that got as far as here and no further.
                fs::remove_dir_all(&now).ok();
                export(learned.tensors()?, &now)?;
            }
            Ok(events("denoiser", progress))
        })?;
    export(learned, out)?;
    Ok(())
}

fn world(seed: u64, count: usize) -> World {
    World { seed, count: count.max(1), mix: Mix { part: Part::Training, pairs: PAIRS }, side: SIDE }
}

fn course(steps: usize, rate: f64, average: Option<f64>) -> Course {
    let warm_up = (steps / 20).min(200);
    let adamw = AdamW { betas: (0.9, 0.99), ..AdamW::default() };
    Course { average, adamw, ..Course::new(steps, Rate { peak: rate, shape: Shape::Cosine, warm_up }) }
}

fn run(
    name: &str,
    lesson: &dyn Learner,
    course: &Course,
    (world, lessons): (&World, &Lessons),
    beside: &Path,
    events: &mut Events,
) -> Result<BTreeMap<String, Tensor>> {
    let plan = format!("{name} {course:?} of {}", lessons.seed);
    let identity = Identity(BTreeMap::from([("plan", plan), ("examples", world.fingerprint())]));
    let state = State::open(&beside.join(name), identity)?;
    let mut events = |progress: &Progress, _: &Learned| Ok(events(name, progress));
    Ok(course.run(lesson, Some(&state), &Device::Cpu, &mut events)?)
}

/// Makes the file if it is not there, as a whole.
fn once(path: &Path, make: impl FnOnce() -> Result<HashMap<String, Tensor>>) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    let tensors = make()?;
    let new = path.with_extension("new");
    candle_core::safetensors::save(&tensors, &new).with_context(|| new.display().to_string())?;
    fs::rename(&new, path).with_context(|| path.display().to_string())
}

fn of_part(learned: BTreeMap<String, Tensor>, part: &str) -> HashMap<String, Tensor> {
    let own =
        |(name, tensor): (String, Tensor)| Some((name.strip_prefix(part)?.strip_prefix('/')?.to_string(), tensor));
    learned.into_iter().filter_map(own).collect()
}

fn config(dir: &Path, part: &str) -> Result<Config, DrawError> {
    Config::read(&dir.join(part).join("config.json"))
}
