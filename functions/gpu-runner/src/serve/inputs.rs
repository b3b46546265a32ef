//! The pictures a task starts from: asked for at the edge, which keeps or fetches them, and read beside the loop. A
//! file from outside can be anything; whatever it does to a decoder costs its task and nothing else.

use domain::image_size;
use protocol::runner::DrawParams;
use tokio::task::spawn_blocking;
use tracing::warn;

use super::failure::Failure;
use super::hold::{Hold, Miss};
use super::task::End;
use crate::backend::{Mask, Rgb};
use crate::{Code, DrawError, picture};

/// All of them, at the size that is drawn, which the first one may settle; and the mask of the first. One file at a
/// time is held.
pub async fn load(hold: &Hold<'_>, params: &DrawParams) -> Result<(Vec<Rgb>, Option<Mask>), End> {
    let mut pictures: Vec<Rgb> = Vec::with_capacity(params.from_images.len());
    for index in 0..params.from_images.len() {
        let (width, height) =
            pictures.first().map_or((params.width, params.height), |first| (first.width, first.height));
        let follow = params.auto_aspect && index == 0;
        let shape =
            move |of| if follow { image_size::size("auto", width.min(height), Some(of)) } else { (width, height) };
        pictures.push(read(hold, index, &format!("from_images[{index}]"), shape).await?);
    }
    let mask = match pictures.first() {
        Some(first) if params.mask.is_some() => {
            let size = (first.width, first.height);
            Some(Mask::of(&read(hold, pictures.len(), "mask", move |_| size).await?))
        }
        _ => None,
    };
    Ok((pictures, mask))
}

async fn read(
    hold: &Hold<'_>,
    index: usize,
    name: &str,
    shape: impl FnOnce((u32, u32)) -> (u32, u32) + Send + 'static,
) -> Result<Rgb, End> {
    let file = hold.input(index).await.map_err(|miss| missed(hold, name, miss))?;
    let read = spawn_blocking(move || picture::read_as(&file, shape)).await;
    // A panic: the file found a defect of the decoder.
    let read = read.unwrap_or_else(|e| Err(DrawError::new(Code::InvalidImage, format!("not readable: {e}"))));
    read.map_err(|error| {
        warn!(task = hold.claim.task_id, name, %error, "a picture to start from can't be read");
        End::Failed(Failure::invalid_input(name))
    })
}

fn missed(hold: &Hold<'_>, name: &str, miss: Miss) -> End {
    if miss == Miss::Lost {
        return End::Lost;
    }
    warn!(task = hold.claim.task_id, name, %miss, "no picture to start from");
    End::Failed(match &miss {
        Miss::Refused(refusal) if refusal.code == "image_unreachable" => Failure::unreachable_input(name),
        Miss::Refused(refusal) if refusal.code == "invalid_image" => Failure::invalid_input(name),
        _ => Failure::inputs_missing(),
    })
}
