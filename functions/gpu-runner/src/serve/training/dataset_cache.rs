//! The images of a training as a directory that the trainer reads: `{id}.png` whatever the format, and the caption in
//! `{id}.txt`. Each file is fetched once by a machine, at most eight at a time. Must not know how they are learnt.

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use domain::training::{MAX_IMAGE_BYTES, MAX_IMAGES};
use futures_util::{StreamExt, TryStreamExt, stream};
use protocol::runner::DatasetImage;
use tracing::{info, warn};

use super::task_folder::{TaskFolder, link};
use super::transfer::TransferError;
use crate::serve::failure::Failure;
use crate::serve::hold::{Hold, Miss};
use crate::serve::task::End;
use crate::serve::weights::blocking;
use crate::{Code, DrawError};

/// Files that are fetched at the same time.
const AT_ONCE: usize = 8;

/// Images on this machine.
#[derive(Clone, Debug)]
pub struct Dataset {
    pub dir: PathBuf,
    /// Caption of the first image that has one.
    pub caption: Option<String>,
}

/// The list of all images, of at most so many bytes together.
pub async fn list(hold: &Hold<'_>, most: u64) -> Result<Vec<DatasetImage>, End> {
    let images = pages(hold).await?;
    check(&images, most).map_err(|error| {
        warn!(task = hold.claim.task_id, %error, "the dataset is refused");
        End::Failed(Failure::training(&error))
    })?;
    Ok(images)
}

/// Fetches the images that are not here.
pub async fn fetch(hold: &Hold<'_>, folder: &Arc<TaskFolder>, images: Vec<DatasetImage>) -> Result<Dataset, End> {
    info!(task = hold.claim.task_id, images = images.len(), "fetching the dataset");
    let files = images.iter().map(|image| fetch_one(hold, folder, image));
    let fetched = stream::iter(files).buffer_unordered(AT_ONCE).try_for_each(async |()| Ok(())).await;
    fetched.map_err(|error| unavailable(hold, &error))?;
    let caption = images.into_iter().map(|image| image.caption).find(|caption| !caption.trim().is_empty());
    Ok(Dataset { dir: folder.images(), caption })
}

/// Lists the images page by page; one more than a training takes is enough.
async fn pages(hold: &Hold<'_>) -> Result<Vec<DatasetImage>, End> {
    let (mut images, mut after) = (Vec::new(), None);
    while images.len() <= MAX_IMAGES {
        let page = hold.dataset_page(after).await.map_err(|miss| unavailable(hold, &miss.into()))?;
        images.extend(page.images);
        match page.next {
            Some(next) if after.is_none_or(|before| before < next) => after = Some(next),
            Some(_) => {
                let error = io::Error::other("the pages of the dataset go round in a circle");
                return Err(unavailable(hold, &error.into()));
            }
            None => break,
        }
    }
    Ok(images)
}

/// Checks what the list says of the images.
fn check(images: &[DatasetImage], most: u64) -> Result<(), DrawError> {
    let refuse = |code, message: String| Err(DrawError::new(code, message));
    if images.is_empty() {
        return refuse(Code::DatasetEmpty, "The dataset has no images.".into());
    }
    if images.len() > MAX_IMAGES {
        return refuse(Code::DatasetTooLarge, format!("The dataset has more than {MAX_IMAGES} images."));
    }
    let bytes = images.iter().fold(0u64, |sum, image| sum.saturating_add(image.size));
    if bytes > most {
        let message = format!("The images have {bytes} bytes together, and this runner keeps {most}.");
        return refuse(Code::DatasetTooLarge, message);
    }
    let mut ids = HashSet::new();
    for DatasetImage { id, size, sha256, .. } in images {
        let hash = sha256.len() == 64 && sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !hash || !(1..=domain::MAX_ID).contains(id) || !ids.insert(*id) || *size > MAX_IMAGE_BYTES as u64 {
            return refuse(Code::DatasetInvalid, format!("Image {id} is not announced as an image can be."));
        }
    }
    Ok(())
}

async fn fetch_one(hold: &Hold<'_>, folder: &Arc<TaskFolder>, image: &DatasetImage) -> Result<(), TransferError> {
    let (kept, sha256) = (folder.clone(), image.sha256.clone());
    let found = blocking(move || Ok(kept.find(&sha256))).await?;
    let bytes = if found.is_none() { Some(hold.dataset_image(image.id).await?) } else { None };
    let (folder, image) = (folder.clone(), image.clone());
    let keep = move || {
        let file = match bytes {
            Some(bytes) => folder.keep(&image.sha256, &bytes)?,
            None => folder.file(&image.sha256),
        };
        // The trainer takes files in the order of their names; this is the order of the ids.
        let place = folder.images().join(format!("{:019}.png", image.id));
        link(&file, &place)?;
        match image.caption.trim() {
            "" => Ok(()),
            caption => std::fs::write(place.with_extension("txt"), caption),
        }
    };
    Ok(blocking(keep).await?)
}

fn unavailable(hold: &Hold<'_>, error: &TransferError) -> End {
    let task = hold.claim.task_id;
    match error {
        TransferError::Miss(Miss::Lost) => End::Lost,
        TransferError::Miss(miss) => {
            warn!(task, %miss, "the dataset can't be had");
            let gone = matches!(miss, Miss::Refused(refusal) if refusal.status == 404);
            End::Failed(Failure::dataset_missing(!gone))
        }
        TransferError::Io(error) => {
            warn!(task, %error, "the dataset can't be kept");
            End::Failed(Failure::dataset_missing(true))
        }
    }
}

/// The trainer's error about the directory, in words about images: their ids, and no path of this machine.
pub fn about_images(error: DrawError, dataset: &Dataset) -> DrawError {
    let message = error.message.replace(&format!("{}: ", dataset.dir.display()), "");
    let words: Vec<String> = message
        .split('"')
        .map(|word| match word.strip_suffix(".png").map(str::parse::<u64>) {
            Some(Ok(id)) => format!("image {id}"),
            _ => word.to_owned(),
        })
        .collect();
    let message = words
        .concat()
        .replace(" files can't be", " images can't be")
        .replace(", whatever its name says", "")
        .replace(" in a text file of the same name", "");
    DrawError { message, ..error }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(id: i64) -> DatasetImage {
        DatasetImage { id, size: 3, sha256: "0a".repeat(32), caption: String::new() }
    }

    #[test]
    fn lists_that_can_not_be_learnt_from_are_refused() {
        let code = |images: &[DatasetImage], most| check(images, most).err().map(|error| error.code);
        assert_eq!(code(&[image(1), image(2)], 6), None);
        assert_eq!(code(&[image(1), image(2)], 5), Some(Code::DatasetTooLarge));
        assert_eq!(code(&[], 5), Some(Code::DatasetEmpty));
        let many: Vec<DatasetImage> = (1..=MAX_IMAGES as i64 + 1).map(image).collect();
        assert_eq!(code(&many, u64::MAX), Some(Code::DatasetTooLarge));
        assert_eq!(code(&many[1..], u64::MAX), None);
        for bad in [
            DatasetImage { sha256: "../../x".into(), ..image(1) },
            DatasetImage { sha256: "0A".repeat(32), ..image(1) },
            DatasetImage { size: 21 << 20, ..image(1) },
            image(0),
            image(2),
        ] {
            assert_eq!(code(&[image(2), bad.clone()], u64::MAX), Some(Code::DatasetInvalid), "{bad:?}");
        }
    }

    #[test]
    fn errors_speak_of_images_and_not_of_files() {
        let dataset = Dataset { dir: "/srv/cache/images".into(), caption: None };
        let message = "/srv/cache/images: 2 of 3 files can't be learned from: \"0000000000000000012.png\": not a PNG, \
                       JPEG or WebP picture, whatever its name says; \"0000000000000000013.png\": no caption in a text \
                       file of the same name, and no trigger words";
        let error = about_images(DrawError::new(Code::DatasetInvalid, message), &dataset);
        let expected = "2 of 3 images can't be learned from: image 12: not a PNG, JPEG or WebP picture; image 13: no \
                        caption, and no trigger words";
        assert_eq!((error.code, error.message.as_str()), (Code::DatasetInvalid, expected));
    }
}
