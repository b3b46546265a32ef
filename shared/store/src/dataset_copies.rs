//! Copies of datasets' images into our storage, a few at a time, so that a dataset doesn't rot with the addresses that
//! it was made of. A try is claimed before it is made: a crash costs that try and the time of its claim, nothing else.

mod load;
mod record;

use domain::{Error, Id};
use futures_util::future::join_all;
use media::ImageFormat;
use ports::{BlobBody, Runtime};
use sha2::{Digest, Sha256};

use crate::tx::{StmtIndex, Tx};
use crate::{args, outbox, pending, webhooks};

use load::{Failure, Loaded, load};

/// The most images copied at once, by all sweepers together. With those of `SMALL_BYTES` they fit an isolate's memory.
const AT_ONCE: i64 = 6;

/// The most rounds of one `dispatch`.
const ROUNDS: usize = 4;

/// Bytes of an image that is loaded beside others. A larger one is loaded again, alone.
const SMALL_BYTES: usize = 4 << 20;

/// Milliseconds of each hop to a small image, and of the one hop to a large image.
const SMALL_TIMEOUT_MS: u32 = 8_000;
const LARGE_TIMEOUT_MS: u32 = 20_000;

/// Milliseconds after which a claimed try without a record is made again: more than the longest round.
const CLAIM_MS: i64 = 240_000;

/// One try to copy an image.
struct Try {
    id: Id,
    dataset_id: Id,
    source: String,
    /// The number of tries, this one included.
    tries: i64,
}

/// The copy of an image.
struct Copy {
    key: String,
    size: usize,
    /// Lower-case hex.
    sha256: String,
    width: u32,
    height: u32,
}

/// A file that was recognised as an image, and its copy to be.
struct Image {
    bytes: bytes::Bytes,
    format: ImageFormat,
    copy: Copy,
}

/// Copies in the background: a slow server holds up nothing here. Nothing happens where no object store is bound.
pub fn dispatch(runtime: &Runtime) {
    if !runtime.blobs.is_bound() {
        return;
    }
    let background = runtime.background.clone();
    let runtime = runtime.clone();
    background.spawn(Box::pin(async move {
        for _ in 0..ROUNDS {
            match copy(&runtime).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => return log::warn!("Images of datasets were not copied, the sweeper will: {error}"),
            }
        }
    }));
}

/// Copies some of what is due, and records the results. Returns false when nothing was due.
pub async fn copy(runtime: &Runtime) -> Result<bool, Error> {
    let mut tx = Tx::system(runtime);
    let claimed = claim(&mut tx);
    let outcome = tx.run().await?;
    let read = |row: ports::Row<'_>| {
        let source = row.text("source")?.to_string();
        Some(Try { id: row.int("id")?, dataset_id: row.int("dataset_id")?, source, tries: row.int("tries")? })
    };
    let tries: Vec<Try> = outcome.rows(claimed).iter().filter_map(read).collect();
    if tries.is_empty() {
        return Ok(false);
    }
    let results = copy_all(runtime, &tries).await?;
    let tried: Vec<(Try, Result<Copy, Failure>)> = tries.into_iter().zip(results).collect();
    record::record(runtime, &tried).await?;
    // Trainings that waited for the last image, and ended ones.
    outbox::flush(runtime).await?;
    webhooks::dispatch(runtime);
    Ok(true)
}

/// Takes tries: users in turns, so that nobody's images or servers hold up another's; first tries before others.
/// Yields `id`, `dataset_id`, `source` and `tries`. Only the first few of each user are read.
fn claim(tx: &mut Tx) -> StmtIndex {
    tx.exec(
        "WITH RECURSIVE owners (id) AS (SELECT (SELECT min(user_id) FROM dataset_images WHERE status = 'pending') \
         UNION ALL SELECT (SELECT min(n.user_id) FROM dataset_images n WHERE n.status = 'pending' \
         AND n.user_id > owners.id) FROM owners WHERE owners.id IS NOT NULL) \
         UPDATE dataset_images SET tries = tries + 1, claimed = 1, not_before = :now + :claim_ms WHERE id IN (\
         SELECT id FROM (SELECT i.id, i.tries > 0 AS again, \
         row_number() OVER (PARTITION BY i.user_id ORDER BY i.not_before, i.id) AS place \
         FROM owners o CROSS JOIN dataset_images i ON i.id IN (SELECT p.id FROM dataset_images p \
         WHERE p.user_id = o.id AND p.status = 'pending' AND p.not_before <= :now \
         ORDER BY p.not_before, p.id LIMIT :at_once)) ORDER BY place, again, random() \
         LIMIT max(0, :at_once - (SELECT count(*) FROM dataset_images c \
         WHERE c.status = 'pending' AND c.claimed = 1 AND c.not_before > :now))) \
         RETURNING id, dataset_id, source, tries",
        args! { claim_ms: CLAIM_MS, at_once: AT_ONCE },
    )
}

/// Copies the images: small ones together, then the large ones one by one.
async fn copy_all(runtime: &Runtime, tries: &[Try]) -> Result<Vec<Result<Copy, Failure>>, Error> {
    let small = |each| async move {
        match record::unrecorded(each) {
            Some(failure) => Err(failure),
            None => load(runtime, &each.source, SMALL_BYTES, SMALL_TIMEOUT_MS).await,
        }
    };
    let mut results: Vec<Result<Copy, Failure>> = Vec::with_capacity(tries.len());
    let (mut images, mut large) = (Vec::new(), Vec::new());
    for (i, loaded) in join_all(tries.iter().map(small)).await.into_iter().enumerate() {
        let image = match loaded {
            Ok(Loaded::File(bytes)) => recognise(runtime, bytes),
            Ok(Loaded::Larger(url)) => {
                large.push((i, url));
                Err(Failure::later("not loaded yet"))
            }
            Err(failure) => Err(failure),
        };
        results.push(match image {
            Ok(image) => {
                images.push((i, image));
                Err(Failure::later("not stored yet"))
            }
            Err(failure) => Err(failure),
        });
    }
    set(&mut results, store(runtime, images).await?);
    for (i, url) in large {
        let copied = match load::large(runtime, &url, LARGE_TIMEOUT_MS).await {
            Ok(bytes) => recognise(runtime, bytes),
            Err(failure) => Err(failure),
        };
        match copied {
            Ok(image) => set(&mut results, store(runtime, vec![(i, image)]).await?),
            Err(failure) => set(&mut results, vec![(i, Err(failure))]),
        }
    }
    Ok(results)
}

fn set(results: &mut [Result<Copy, Failure>], of: Vec<(usize, Result<Copy, Failure>)>) {
    for (i, result) in of {
        if let Some(place) = results.get_mut(i) {
            *place = result;
        }
    }
}

/// Recognises an image by its first bytes and its header, and gives its copy a key.
fn recognise(runtime: &Runtime, bytes: bytes::Bytes) -> Result<Image, Failure> {
    let format = ImageFormat::of(&bytes).ok_or_else(|| Failure::not_an_image("neither PNG, JPEG nor WebP"))?;
    let (width, height) = media::dimensions(&bytes).map_err(Failure::from)?;
    let copy = Copy {
        key: format!("data/{}.{}", runtime.token(), format.extension()),
        size: bytes.len(),
        sha256: domain::id::hex(&Sha256::digest(&bytes)),
        width,
        height,
    };
    Ok(Image { bytes, format, copy })
}

/// Stores images whose keys are reserved before: what a crash leaves is deleted.
async fn store(runtime: &Runtime, images: Vec<(usize, Image)>) -> Result<Vec<(usize, Result<Copy, Failure>)>, Error> {
    if images.is_empty() {
        return Ok(Vec::new());
    }
    let mut tx = Tx::system(runtime);
    for (_, image) in &images {
        pending::reserve(&mut tx, &image.copy.key);
    }
    tx.run().await?;
    let put = |(i, image): (usize, Image)| async move {
        let Image { bytes, format, copy } = image;
        let body = BlobBody::Bytes(bytes);
        let stored = runtime.blobs.put(&copy.key, format.media_type(), Some(&copy.sha256), body).await;
        (i, stored.map(|_| copy).map_err(|error| Failure::later(format!("not stored: {error}"))))
    };
    Ok(join_all(images.into_iter().map(put)).await)
}
