//! The text encoder's first lesson: what a caption says. A caption's last token is to tell background, kinds, colours,
//! relation, size and place; so the denoiser finds them apart from the start, instead of learning words from pictures.

use candle_core::backprop::GradStore;
use candle_core::{D, Device, Result, Tensor};
use candle_nn::Init;
use candle_nn::ops::log_softmax;
use candle_nn::var_builder::SimpleBackend;
use gpu_runner::DrawError;
use gpu_runner::models::clip::{TextConfig, TextEncoder};
use gpu_runner::tiny::RandomWeights;
use gpu_runner::tokenizer::Tokenizer;
use gpu_runner::train::{Learner, Parameters};

use crate::data::World;
use crate::scene::{Background, Colour, Kind, Layout, Object, Place, Relation, Scene, Size};

/// How many answers each question has, in the order of `answers`.
const QUESTIONS: [usize; 8] = [
    9 + Background::SCENIC.len(),
    Kind::ALL.len(),
    Colour::ALL.len(),
    1 + Kind::ALL.len(),
    1 + Colour::ALL.len(),
    1 + Relation::ALL.len(),
    3,
    1 + Place::ASIDE.len(),
];

pub struct Lesson {
    text: TextEncoder,
    /// (questions' answers, width): a line for each.
    heads: Tensor,
    parameters: Parameters,
    tokenizer: Tokenizer,
    end: u32,
    world: World,
    batch: usize,
}

/// What the heads are called among the parameters; all others are the encoder's.
pub const HEADS: &str = "heads";

impl Lesson {
    pub fn new(config: &TextConfig, tokenizer: Tokenizer, world: World, batch: usize, seed: u64) -> Result<Self> {
        let parameters = Parameters::default();
        let random = RandomWeights::new(seed);
        let vb = parameters.builder("text_encoder", Box::new(random.clone()), |_| true, &Device::Cpu);
        let text = TextEncoder::load(config, vb)?;
        let shape = (QUESTIONS.iter().sum::<usize>(), config.hidden_size);
        let hint = Init::Randn { mean: 0.0, stdev: (config.hidden_size as f64).sqrt().recip() };
        let heads = random.get(shape.into(), HEADS, hint, candle_core::DType::F32, &Device::Cpu)?;
        let heads = parameters.make(HEADS, &heads)?;
        Ok(Self { text, heads, parameters, tokenizer, end: config.eos_token_id, world, batch })
    }

    /// Share of questions, over all captions, that are answered rightly, of the scenes of a step.
    pub fn right(&self, step: usize) -> std::result::Result<f64, DrawError> {
        let (scores, wanted) = self.asked(step)?;
        let mut right = 0;
        for (question, wanted) in scores.iter().zip(&wanted) {
            let said: Vec<u32> = question.argmax(D::Minus1)?.to_vec1()?;
            right += said.iter().zip(wanted).filter(|(said, wanted)| said == wanted).count();
        }
        Ok(right as f64 / (QUESTIONS.len() * self.batch) as f64)
    }

    /// Scores (batch, answers) for each question, and the right answers.
    fn asked(&self, step: usize) -> std::result::Result<(Vec<Tensor>, Vec<Vec<u32>>), DrawError> {
        let (mut ids, mut wanted) = (Vec::new(), vec![Vec::with_capacity(self.batch); QUESTIONS.len()]);
        let length = self.tokenizer.length();
        let mut last = Vec::with_capacity(self.batch * length);
        for place in 0..self.batch {
            let (scene, caption) = self.world.scene((step * self.batch + place) % self.world.count);
            let tokens = self.tokenizer.encode(&caption)?;
            let end = tokens.iter().position(|token| *token == self.end).unwrap_or(length - 1);
            last.extend((0..length).map(|i| f32::from(u8::from(i == end))));
            ids.extend(tokens);
            wanted.iter_mut().zip(answers(&scene)).for_each(|(all, answer)| all.push(answer as u32));
        }
        let ids = Tensor::from_vec(ids, (self.batch, length), &Device::Cpu)?;
        let last = Tensor::from_vec(last, (self.batch, length, 1), &Device::Cpu)?;
        let whole = self.text.forward(&ids)?.broadcast_mul(&last)?.sum(1)?;
        let scores = whole.matmul(&self.heads.t()?)?;
        let mut from = 0;
        let scores = QUESTIONS.iter().map(|count| {
            from += count;
            scores.narrow(1, from - count, *count)
        });
        Ok((scores.collect::<Result<_>>()?, wanted))
    }
}

impl Learner for Lesson {
    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Sum over the questions of the cross entropy.
    fn learn(&self, step: usize) -> std::result::Result<(f64, GradStore), DrawError> {
        let (scores, wanted) = self.asked(step)?;
        let mut loss: Option<Tensor> = None;
        for (scores, wanted) in scores.iter().zip(wanted) {
            let wanted = Tensor::new(wanted, &Device::Cpu)?.unsqueeze(1)?;
            let surprise = log_softmax(scores, 1)?.gather(&wanted, 1)?.mean_all()?.neg()?;
            loss = Some(match loss {
                Some(loss) => (loss + surprise)?,
                None => surprise,
            });
        }
        let loss = loss.ok_or_else(|| candle_core::Error::Msg("no questions".into()))?;
        Ok((f64::from(loss.to_scalar::<f32>()?), loss.backward()?))
    }
}

fn answers(scene: &Scene) -> [usize; 8] {
    let first = scene.objects.first();
    let of = |object: Option<&Object>| {
        object.map_or((0, 0), |object| (1 + object.kind as usize, 1 + object.colour as usize))
    };
    let (kind, colour) = of(first);
    let (other_kind, other_colour) = of(scene.objects.get(1));
    let background = Background::all().position(|background| background == scene.background).unwrap_or(0);
    let place = |place: Place| Place::ASIDE.iter().position(|aside| *aside == place).map_or(0, |i| i + 1);
    let (relation, size, place) = match scene.layout {
        Layout::Single { size, place: at } => {
            (0, [Size::Normal, Size::Small, Size::Large].iter().position(|s| *s == size), place(at))
        }
        Layout::Pair(relation) => (1 + Relation::ALL.iter().position(|r| *r == relation).unwrap_or(0), Some(0), 0),
    };
    // A scene has at least one object.
    let (kind, colour) = (kind.saturating_sub(1), colour.saturating_sub(1));
    [background, kind, colour, other_kind, other_colour, relation, size.unwrap_or(0), place]
}
