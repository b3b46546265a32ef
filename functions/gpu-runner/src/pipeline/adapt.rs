//! Bringing a loaded model to what a job asks for: LoRAs, learned words, hypernetworks. Either all of it takes effect
//! or nothing does.

use std::path::Path;
use std::sync::Arc;

use super::Model;
use crate::adapters::{Embedding, Lora, Part, Stamp, hypernetwork, takes};
use crate::backend::DrawJob;
use crate::models::unet::Hypernetwork;
use crate::{Code, DrawError};

/// The files in effect, so that none is read twice.
#[derive(Default)]
pub(super) struct Opened {
    loras: Vec<(Stamp, Arc<Lora>)>,
    hypernetworks: Vec<(Stamp, Arc<Hypernetwork>)>,
    /// With the words that the job has for them.
    embeddings: Vec<(Stamp, Option<String>, Arc<Embedding>)>,
}

impl Model {
    pub(super) fn adapt(&mut self, job: &DrawJob) -> Result<(), DrawError> {
        let mut opened = Opened::default();
        let loras = self.loras(job, &mut opened)?;
        let mut hypernetworks = Vec::with_capacity(job.hypernetworks.len());
        for (path, strength) in &job.hypernetworks {
            let stamp = Stamp::of(path)?;
            let known = self.opened.hypernetworks.iter().chain(&opened.hypernetworks).find(|(of, _)| *of == stamp);
            let hypernetwork = match known {
                Some((_, hypernetwork)) => hypernetwork.clone(),
                None => {
                    let read = hypernetwork::read(path, &self.widths, &self.on.device);
                    Arc::new(read.map_err(|e| e.at(path.display()))?)
                }
            };
            opened.hypernetworks.push((stamp, hypernetwork.clone()));
            hypernetworks.push((hypernetwork, *strength));
        }
        for (path, word) in &job.embeddings {
            let stamp = Stamp::of(path)?;
            let known = self.opened.embeddings.iter().find(|(of, ..)| *of == stamp);
            let embedding = match known {
                Some((.., embedding)) => embedding.clone(),
                None => {
                    let read = Embedding::read(path, &self.texts.widths(), &self.on.device);
                    Arc::new(read.map_err(|e| e.at(path.display()))?)
                }
            };
            opened.embeddings.push((stamp, word.clone(), embedding));
        }
        let words = opened.words()?;

        let unet = self.unet.under(&loras)?;
        let texts = self.texts.under(&loras)?;
        let words = self.texts.words(&words)?;
        // All that a job can be wrong about was seen by now.
        self.unet.switch(unet)?;
        self.unet.bend(&hypernetworks.into());
        self.texts.switch(texts)?;
        self.texts.teach(words);
        self.opened = opened;
        Ok(())
    }

    /// Bytes that what a job asks for takes beside the model: all the time, and while weights are made anew.
    pub(super) fn adapting(&self, job: &DrawJob) -> Result<(u64, u64), DrawError> {
        let files = job.embeddings.iter().map(|(path, _)| path).chain(job.hypernetworks.iter().map(|(path, _)| path));
        let kept = files.map(|path| takes(path).map_err(|e| e.at(path.display()))).sum::<Result<u64, _>>()?;
        let loras = self.loras(job, &mut Opened::default())?;
        Ok((kept, self.unet.takes(&loras).saturating_add(self.texts.takes(&loras))))
    }

    /// Those of a job with their strengths; `opened` has them too afterwards.
    fn loras(&self, job: &DrawJob, opened: &mut Opened) -> Result<Vec<(Arc<Lora>, f64)>, DrawError> {
        let each = job.loras.iter().map(|(path, strength)| {
            let (stamp, lora) = self.lora(path, opened)?;
            opened.loras.push((stamp, lora.clone()));
            Ok((lora, *strength))
        });
        each.collect()
    }

    /// One that fits this model, as it was opened before or is now.
    fn lora(&self, path: &Path, opened: &Opened) -> Result<(Stamp, Arc<Lora>), DrawError> {
        let stamp = Stamp::of(path)?;
        let known = self.opened.loras.iter().chain(&opened.loras).find(|(of, _)| *of == stamp);
        let lora = match known {
            Some((_, lora)) => lora.clone(),
            None => Arc::new(Lora::open(path).map_err(|e| e.at(path.display()))?),
        };
        lora.check(|part, layer| self.shape(part, layer)).map_err(|e| e.at(path.display()))?;
        Ok((stamp, lora))
    }

    fn shape(&self, part: Part, layer: &str) -> Option<Vec<usize>> {
        match part {
            Part::Unet => self.unet.shape(layer),
            Part::Text(index) => self.texts.shape(index, layer),
        }
    }
}

impl Opened {
    /// Each word once.
    fn words(&self) -> Result<Vec<(&str, &Embedding)>, DrawError> {
        let mut words: Vec<(&str, &Embedding)> = Vec::with_capacity(self.embeddings.len());
        for (_, given, embedding) in &self.embeddings {
            let word = given.as_deref().unwrap_or(&embedding.word);
            if word.trim().is_empty() || words.iter().any(|(other, _)| *other == word) {
                let message = format!("{word:?} can't be the word of an embedding, or is that of another one");
                return Err(DrawError::new(Code::RequestInvalid, message));
            }
            words.push((word, embedding));
        }
        Ok(words)
    }
}
