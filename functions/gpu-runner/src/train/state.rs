//! What a training keeps on disk, so that it goes on after any end: parameters, moments, averages and the steps done.
//!
//! Owns a directory with one file, which is replaced as a whole: at any time it holds the last state that was written
//! to the end. Only one training is at work there.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};

use super::adamw::Moments;
use super::parameters::Parameters;
use crate::weights::Weights;
use crate::{Code, DrawError};

/// Name of the file in a state's directory.
pub const FILE: &str = "state.safetensors";
/// While it is written.
const NEW: &str = "state.safetensors.new";
const LOCK: &str = "lock";
const STEP: &str = "step";

/// What a state is of, by name: plan, examples, model. It is taken up only where all are the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity(pub BTreeMap<&'static str, String>);

/// All that changes from step to step.
#[derive(Default)]
pub struct Now {
    /// Steps done.
    pub step: usize,
    pub moments: Moments,
    /// Moving averages of the parameters, where the plan wants them.
    pub averages: BTreeMap<String, Tensor>,
}

pub struct State {
    dir: PathBuf,
    identity: Identity,
    /// Held until the end.
    _lock: File,
}

impl State {
    /// Makes the directory where it is not there. Errors: `state_failed` when it can't be written, or another training
    /// is at work in it.
    pub fn open(dir: &Path, identity: Identity) -> Result<Self, DrawError> {
        let failed = |e: std::io::Error| failed(e.to_string()).at(dir.display());
        fs::create_dir_all(dir).map_err(failed)?;
        let lock = File::create(dir.join(LOCK)).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(self::failed("another training is at work there".into()).at(dir.display()));
            }
            Err(TryLockError::Error(e)) => return Err(failed(e)),
        }
        Ok(Self { dir: dir.to_path_buf(), identity, _lock: lock })
    }

    /// The path of the file. A save replaces the file, so that a hard link to it stays as it is.
    pub fn file(&self) -> PathBuf {
        self.dir.join(FILE)
    }

    /// Brings the parameters to where they were; what else there is. None where nothing was kept.
    ///
    /// Errors: `state_mismatch` for the state of another training, or one that is damaged.
    pub fn resume(&self, parameters: &Parameters, device: &Device) -> Result<Option<Now>, DrawError> {
        let path = self.dir.join(FILE);
        if !path.exists() {
            return Ok(None);
        }
        self.read(&path, parameters, device).map(Some).map_err(|e| e.at(path.display()))
    }

    fn read(&self, path: &Path, parameters: &Parameters, device: &Device) -> Result<Now, DrawError> {
        let file = Weights::read(path).map_err(|e| mismatch(e.message))?;
        for (what, here) in &self.identity.0 {
            if file.metadata().get(*what) != Some(here) {
                let message = format!("it was kept by a training with another {what}; remove it to begin anew");
                return Err(mismatch(message));
            }
        }
        let step = file.metadata().get(STEP).and_then(|step| step.parse().ok());
        let step = step.ok_or_else(|| mismatch("it says no step".into()))?;
        let mut now = Now { step, ..Now::default() };
        let load = |group: &str, name: &str, like: &Tensor| -> Result<Option<Tensor>, DrawError> {
            let key = format!("{group}/{name}");
            match file.shape(&key) {
                None => Ok(None),
                Some(shape) if shape == like.dims() => {
                    let loaded = file.load(&key, like.dtype(), device);
                    loaded.map(Some).map_err(|e| mismatch(format!("{key}: {e}")))
                }
                Some(shape) => Err(mismatch(format!("{key} has shape {shape:?} for {:?}", like.dims()))),
            }
        };
        let mut values = Vec::new();
        for (name, var) in parameters.all() {
            let value = load("parameter", &name, &var)?.ok_or_else(|| mismatch(format!("{name} is not in it")))?;
            if let (Some(first), Some(second)) = (load("first", &name, &var)?, load("second", &name, &var)?) {
                now.moments.0.insert(name.clone(), [first, second]);
            }
            if let Some(average) = load("average", &name, &var)? {
                now.averages.insert(name.clone(), average);
            }
            values.push((var, value));
        }
        // All of it, or nothing.
        values.iter().try_for_each(|(var, value)| var.set(value))?;
        Ok(now)
    }

    /// Errors: `state_failed`; what was kept before is still there.
    pub fn save(&self, now: &Now, parameters: &Parameters) -> Result<(), DrawError> {
        let mut tensors: Vec<(String, Tensor)> = Vec::new();
        for (name, var) in parameters.all() {
            tensors.push((format!("parameter/{name}"), var.as_detached_tensor()));
        }
        for (name, [first, second]) in &now.moments.0 {
            tensors.push((format!("first/{name}"), first.clone()));
            tensors.push((format!("second/{name}"), second.clone()));
        }
        tensors.extend(now.averages.iter().map(|(name, average)| (format!("average/{name}"), average.clone())));
        let mut metadata: HashMap<String, String> =
            self.identity.0.iter().map(|(what, is)| (what.to_string(), is.clone())).collect();
        metadata.insert(STEP.into(), now.step.to_string());

        let (new, path) = (self.dir.join(NEW), self.dir.join(FILE));
        let written = safetensors::serialize_to_file(tensors, Some(metadata), &new)
            .map_err(|e| e.to_string())
            .and_then(|()| replace(&self.dir, &new, &path).map_err(|e| e.to_string()));
        written.map_err(|e| {
            // Where it can't be removed either there is nothing more to do.
            fs::remove_file(&new).ok();
            failed(format!("{e}; the state before it is kept")).at(path.display())
        })
    }

    /// After the result is where it belongs.
    pub fn remove(self) -> Result<(), DrawError> {
        fs::remove_dir_all(&self.dir).map_err(|e| failed(e.to_string()).at(self.dir.display()))
    }
}

/// On disk before it has the name, and the name before it counts.
fn replace(dir: &Path, new: &Path, path: &Path) -> std::io::Result<()> {
    File::open(new)?.sync_all()?;
    fs::rename(new, path)?;
    File::open(dir)?.sync_all()
}

fn mismatch(message: String) -> DrawError {
    DrawError::new(Code::StateMismatch, message)
}

fn failed(message: String) -> DrawError {
    DrawError::new(Code::StateFailed, message)
}
