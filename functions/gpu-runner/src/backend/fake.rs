//! A backend without weights, for tests of the loop around it: draws a colour per seed, fails when told to.

use std::collections::VecDeque;

use super::{Backend, Control, DrawJob, Picture, Progress, Rgb};
use crate::{Code, DrawError};

#[derive(Default)]
pub struct FakeBackend {
    /// What the next jobs fail with, after half their steps; a job without an entry succeeds.
    pub failures: VecDeque<DrawError>,
    /// The jobs seen, in order.
    pub jobs: Vec<DrawJob>,
}

impl Backend for FakeBackend {
    fn draw(&mut self, job: &DrawJob, events: &mut dyn FnMut(Progress) -> Control) -> Result<Vec<Picture>, DrawError> {
        job.check()?;
        self.jobs.push(job.clone());
        let failure = self.failures.pop_front();
        let (pictures, steps) = (job.params.n as usize, job.params.num_inference_steps as usize);
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
            drawn.push(Picture { seed, rgb, latents: None });
        }
        Ok(drawn)
    }
}
