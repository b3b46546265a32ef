//! Loads the file behind an address: one of ours from the object store, any other from outside, where each hop is
//! judged anew. Must not know what is in the file.

use bytes::Bytes;
use domain::messages::{IMAGE_TOO_LARGE, IMAGE_UNREACHABLE, INVALID_IMAGE};
use domain::training::MAX_IMAGE_BYTES;
use domain::url_policy::{MAX_REDIRECTS, check, follow};
use domain::{Message, file_url};
use ports::{FetchRequest, Runtime};

/// A file, or a reason to load it alone.
pub(super) enum Loaded {
    File(Bytes),
    /// It is larger than the limit; it was found at this address.
    Larger(String),
}

/// Why there is no file.
#[derive(Debug)]
pub(super) struct Failure {
    /// For good; None when another try makes sense.
    pub message: Option<&'static Message>,
    /// For the log.
    pub cause: String,
}

impl Failure {
    /// Another try may do.
    pub fn later(cause: impl ToString) -> Failure {
        Failure { message: None, cause: cause.to_string() }
    }

    pub fn not_an_image(cause: impl ToString) -> Failure {
        Failure { message: Some(&INVALID_IMAGE), cause: cause.to_string() }
    }

    fn unreachable(cause: impl ToString) -> Failure {
        Failure { message: Some(&IMAGE_UNREACHABLE), cause: cause.to_string() }
    }
}

impl From<media::Error> for Failure {
    fn from(error: media::Error) -> Failure {
        match error {
            media::Error::Invalid(why) => Failure::not_an_image(why),
            media::Error::TooManyPixels => {
                Failure { message: Some(&IMAGE_TOO_LARGE), cause: "too many pixels".to_string() }
            }
        }
    }
}

/// Loads a file of at most `limit` bytes.
pub(super) async fn load(runtime: &Runtime, url: &str, limit: usize, timeout_ms: u32) -> Result<Loaded, Failure> {
    match file_url::key(url, &[]) {
        Some(key) => stored(runtime, url, key, limit).await,
        None => fetched(runtime, url, limit, timeout_ms, MAX_REDIRECTS).await,
    }
}

/// Loads a file that `load` found to be larger, up to the largest that a dataset takes.
pub(super) async fn large(runtime: &Runtime, url: &str, timeout_ms: u32) -> Result<Bytes, Failure> {
    let loaded = match file_url::key(url, &[]) {
        Some(key) => stored(runtime, url, key, MAX_IMAGE_BYTES).await,
        None => fetched(runtime, url, MAX_IMAGE_BYTES, timeout_ms, 0).await,
    };
    match loaded? {
        Loaded::File(bytes) => Ok(bytes),
        Loaded::Larger(_) => Err(Failure::unreachable("the file is too large")),
    }
}

/// One of our own files.
async fn stored(runtime: &Runtime, url: &str, key: &str, limit: usize) -> Result<Loaded, Failure> {
    let blob = runtime.blobs.get(key, None).await.map_err(Failure::later)?;
    let blob = blob.ok_or_else(|| Failure::unreachable("the file is gone"))?;
    if blob.info.size > MAX_IMAGE_BYTES as u64 {
        return Err(Failure::unreachable("the file is too large"));
    }
    if blob.info.size > limit as u64 {
        return Ok(Loaded::Larger(url.to_string()));
    }
    blob.body.read().await.map(Loaded::File).map_err(Failure::later)
}

/// A file from outside. Each hop is checked before it is taken.
async fn fetched(
    runtime: &Runtime,
    url: &str,
    limit: usize,
    timeout_ms: u32,
    redirects: usize,
) -> Result<Loaded, Failure> {
    let mut url = url.to_string();
    for _ in 0..=redirects {
        let address =
            check(&url, &runtime.config.fetch_allow).map_err(|refusal| Failure::unreachable(refusal.text()))?;
        let request = FetchRequest {
            method: "GET",
            url: address.as_str().into(),
            headers: vec![
                ("accept", "image/png, image/jpeg, image/webp".to_string()),
                ("user-agent", "easel".to_string()),
            ],
            body: Bytes::new(),
            timeout_ms,
            max_bytes: limit,
        };
        let response = runtime.fetch.send(request).await.map_err(Failure::later)?;
        let declared = response.header("content-length").parse::<u64>().unwrap_or(0);
        match response.status {
            200 if declared > MAX_IMAGE_BYTES as u64 => return Err(Failure::unreachable("the file is too large")),
            200 if response.complete => return Ok(Loaded::File(response.body)),
            200 => return Ok(Loaded::Larger(address.into())),
            301 | 302 | 303 | 307 | 308 => {
                let next = follow(&address, response.header("location"));
                url = next.ok_or_else(|| Failure::unreachable("a redirect to nowhere"))?.into();
            }
            status @ (408 | 425 | 429 | 500..) => return Err(Failure::later(format!("the answer was {status}"))),
            status => return Err(Failure::unreachable(format!("the answer was {status}"))),
        }
    }
    Err(Failure::unreachable("too many redirects"))
}
