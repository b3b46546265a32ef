//! What the edge in miniature keeps of trainings: datasets, uploads in parts, stored objects, training states.

use std::collections::{BTreeMap, HashMap};

use domain::Id;
use domain::id::hex;
use protocol::runner::{
    CompleteUpload, DatasetImage, DatasetPage, PART_BYTES, SavedState, StoredState, Trained, UploadedPart,
    dataset_image_path, is_model_key, is_output_key, part_path, state_path,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::edge::Call;

pub struct Trainings {
    /// The images of each training, by ascending id.
    pub images: HashMap<Id, Vec<(DatasetImage, Vec<u8>)>>,
    /// Images of a page.
    pub page: usize,
    uploads: HashMap<String, BTreeMap<u16, Vec<u8>>>,
    /// By key.
    pub objects: HashMap<String, Vec<u8>>,
    /// The last state of each training, with its key.
    pub states: HashMap<Id, (String, SavedState)>,
}

impl Default for Trainings {
    fn default() -> Self {
        Self {
            images: HashMap::new(),
            page: 2,
            uploads: HashMap::new(),
            objects: HashMap::new(),
            states: HashMap::new(),
        }
    }
}

fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

impl Trainings {
    /// Files with captions as the dataset of a training, with ids from 11 on.
    pub fn set_images(&mut self, task: Id, files: &[(&[u8], &str)]) {
        let image = |(i, (file, caption)): (usize, &(&[u8], &str))| {
            let (size, sha256) = (file.len() as u64, sha256(file));
            (DatasetImage { id: 11 + i as Id, size, sha256, caption: (*caption).into() }, file.to_vec())
        };
        self.images.insert(task, files.iter().enumerate().map(image).collect());
    }

    pub fn page(&self, task: Id, query: &str) -> Value {
        let after: Id = query.strip_prefix("after=").map_or(0, |after| after.parse().unwrap());
        let left: Vec<DatasetImage> =
            self.images.get(&task).into_iter().flatten().map(|(image, _)| image.clone()).collect();
        let left: Vec<DatasetImage> = left.into_iter().filter(|image| image.id > after).collect();
        let images: Vec<DatasetImage> = left.iter().take(self.page).cloned().collect();
        let next = images.last().map(|last| last.id).filter(|_| left.len() > self.page);
        json!(DatasetPage { images, next })
    }

    /// The image or state that a path names.
    pub fn file(&self, call: &Call, task: Id) -> Option<Vec<u8>> {
        let attempt = call.key.split('/').nth(2)?.parse().ok()?;
        if call.what == "kept-state" && call.key == state_path(task, attempt) {
            return self.objects.get(&self.states.get(&task)?.0).cloned();
        }
        let mut images = self.images.get(&task)?.iter();
        let found = images.find(|(image, _)| call.key == dataset_image_path(task, attempt, image.id));
        found.map(|(_, file)| file.clone())
    }

    /// A call of an upload; the task it is for and the reply, or the status of a refusal.
    pub fn upload(&mut self, call: &Call) -> Result<(Id, Value), u16> {
        let of = |key: &str| {
            let mut parts = key.split('/').skip(1).map(|part| part.parse().unwrap_or(0));
            let (task, attempt) = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
            if is_model_key(key, task, attempt) { Ok(task) } else { Err(400u16) }
        };
        let key = call.json["key"].as_str().unwrap_or_default().to_owned();
        match call.what {
            "upload" => {
                let sound = call.id == format!("upload_{key}") && call.json["seq"] == 0;
                if !sound {
                    return Err(400);
                }
                // Begun twice it is not one upload.
                if self.uploads.insert(key.clone(), BTreeMap::new()).is_some() {
                    return Err(409);
                }
                Ok((of(&key)?, json!({})))
            }
            "part" => {
                let key = self.uploads.keys().find(|key| {
                    let number = call.key.rsplit('/').next().and_then(|number| number.parse().ok());
                    number.is_some_and(|number| call.key == part_path(key, number))
                });
                let key = key.cloned().ok_or(404u16)?;
                let number: u16 = call.key.rsplit('/').next().unwrap().parse().unwrap();
                if call.id != format!("put_{key}/{number}") || call.body.len() as u64 > PART_BYTES || number == 0 {
                    return Err(400);
                }
                self.uploads.get_mut(&key).unwrap().insert(number, call.body.to_vec());
                Ok((of(&key)?, json!(UploadedPart { number, etag: sha256(&call.body) })))
            }
            _ => {
                let complete: CompleteUpload = serde_json::from_value(call.json.clone()).map_err(|_| 400u16)?;
                let parts = self.uploads.get(&key).ok_or(409u16)?;
                let named: Vec<(u16, String)> =
                    complete.parts.into_iter().map(|part| (part.number, part.etag)).collect();
                let here: Vec<(u16, String)> = parts.iter().map(|(number, part)| (*number, sha256(part))).collect();
                let numbers = here.iter().map(|(number, _)| usize::from(*number)).eq(1..=here.len());
                let full = parts.values().rev().skip(1).all(|part| part.len() as u64 == PART_BYTES);
                if named != here || !numbers || !full || call.id != format!("complete_{key}") {
                    return Err(400);
                }
                let whole = parts.values().flatten().copied().collect();
                self.objects.insert(key.clone(), whole);
                self.uploads.remove(&key);
                Ok((of(&key)?, json!({})))
            }
        }
    }

    /// A report of a stored state or of a result; the status of a refusal where the object is not what it says.
    pub fn report(&mut self, call: &Call) -> Result<(), u16> {
        let has = |key: &str, size: u64, hash: &str| {
            self.objects.get(key).is_some_and(|file| file.len() as u64 == size && sha256(file) == hash)
        };
        if call.what == "state" {
            let StoredState { lease, key, state } = serde_json::from_value(call.json.clone()).map_err(|_| 400u16)?;
            if !has(&key, state.size, &state.sha256) {
                return Err(422);
            }
            self.states.insert(lease.task_id, (key, state));
            return Ok(());
        }
        let trained: Trained = serde_json::from_value(call.json.clone()).map_err(|_| 400u16)?;
        let Trained { lease, key, image, .. } = &trained;
        let cover = image
            .as_ref()
            .is_none_or(|image| is_output_key(image, lease.task_id, lease.attempt) && self.objects.contains_key(image));
        if has(key, trained.size, &trained.sha256) && cover { Ok(()) } else { Err(422) }
    }
}
