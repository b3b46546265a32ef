//! A backend without weights, for tests of the loop around it: draws a colour per seed, fails when told to.

use std::collections::VecDeque;

use super::{Backend, Control, DrawJob, Loaded, Picture, Progress, Rgb, Sight};
use crate::{Code, DrawError};

#[derive(Default)]
pub struct FakeBackend {
    /// What the next jobs fail with, after half their steps; a job without an entry succeeds.
    pub failures: VecDeque<DrawError>,
    /// What it sees in all its pictures.
    pub sight: Sight,
    /// The jobs seen, in order.
    pub jobs: Vec<DrawJob>,
    /// The models in memory, the last two that were used.
    pub models: Vec<Loaded>,
}

impl Backend for FakeBackend {
    fn prepare(&mut self, job: &DrawJob) -> Result<(), DrawError> {
        self.models.retain(|loaded| loaded.path != job.model);
        self.models.push(Loaded { path: job.model.clone(), bytes: 1 });
        let gone = self.models.len().saturating_sub(2);
        self.models.drain(..gone);
        Ok(())
    }

    fn loaded(&self) -> Vec<Loaded> {
        self.models.clone()
    }

    fn draw(&mut self, job: &DrawJob, events: &mut dyn FnMut(Progress) -> Control) -> Result<Vec<Picture>, DrawError> {
        job.check()?;
        self.jobs.push(job.clone());
        let failure = self.failures.pop_front();
        let (pictures, steps) = (job.params.n as usize, job.steps());
        let mut drawn = Vec::with_capacity(pictures);
        for picture in 0..pictures {
            let seed = u64::from(job.params.seed) + picture as u64;
            let [red, green, blue, ..] = seed.wrapping_mul(0x9e37_79b9).to_le_bytes();
            let colour = |width: u32, height: u32| Rgb {
                width,
                height,
                bytes: [red, green, blue].repeat(width as usize * height as usize),
            };
            for step in 0..=steps {
                let wanted = job.preview_every != 0 && step != 0 && step.is_multiple_of(job.preview_every);
                let preview = wanted.then(|| colour(8, 8));
                if events(Progress { picture, pictures, step, steps, preview }) == Control::Cancel {
                    return Err(DrawError::new(Code::Canceled, "stopped as asked"));
                }
                if let Some(failure) = failure.as_ref().filter(|_| step >= steps / 2) {
                    return Err(failure.clone());
                }
            }
            let rgb = colour(job.params.width, job.params.height);
            drawn.push(Picture { seed, rgb, latents: None, sight: self.sight.clone() });
        }
        Ok(drawn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::runner::DrawParams;

    fn job() -> DrawJob {
        let params = DrawParams {
            prompt: "x".into(),
            negative_prompt: String::new(),
            width: 64,
            height: 72,
            num_inference_steps: 4,
            guidance_scale: 7.5,
            scheduler: "DDIM".into(),
            seed: 1,
            n: 2,
            from_images: Vec::new(),
            strength: None,
            mask: None,
            auto_aspect: false,
            loras: Vec::new(),
            model: None,
        };
        DrawJob::new("model".into(), params)
    }

    #[test]
    fn draws_fails_and_stops_as_told() {
        let failure = DrawError::new(Code::OutOfMemory, "told so");
        let mut fake = FakeBackend { failures: [failure.clone()].into(), ..Default::default() };
        assert_eq!(fake.draw(&job(), &mut |_| Control::Continue), Err(failure));

        let mut steps = Vec::new();
        let pictures = fake.draw(&job(), &mut |p| {
            steps.push((p.picture, p.step));
            Control::Continue
        });
        let pictures = pictures.unwrap();
        assert_eq!(steps.len(), 10);
        assert_eq!(pictures[1].rgb.bytes.len(), 3 * 64 * 72);
        assert_ne!(pictures[0].rgb, pictures[1].rgb);

        let stopped = fake.draw(&job(), &mut |_| Control::Cancel).unwrap_err();
        assert_eq!((stopped.code, fake.jobs.len()), (Code::Canceled, 3));
    }
}
