//! An object store in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;
use ports::{Blob, BlobBody, BlobError, BlobInfo, Blobs, Part, Range};
use sha2::{Digest, Sha256};

#[derive(Default)]
struct State {
    objects: HashMap<String, (BlobInfo, Bytes)>,
    uploads: HashMap<String, Upload>,
    begun: u64,
}

struct Upload {
    key: String,
    content_type: String,
    parts: BTreeMap<u16, (String, Bytes)>,
}

/// An object store in memory.
#[derive(Default)]
pub struct MemoryBlobs(Mutex<State>);

impl MemoryBlobs {
    fn with<T>(&self, act: impl FnOnce(&mut State) -> Result<T, BlobError>) -> Result<T, BlobError> {
        act(&mut *self.0.lock().map_err(|e| BlobError::other(e.to_string()))?)
    }

    /// All keys, sorted, for tests that ask what is left.
    pub fn keys(&self) -> Vec<String> {
        let mut keys = self.with(|s| Ok(s.objects.keys().cloned().collect::<Vec<_>>())).unwrap_or_default();
        keys.sort();
        keys
    }
}

fn hash(bytes: &[u8]) -> String {
    domain::id::hex(&Sha256::digest(bytes))
}

fn unknown() -> BlobError {
    BlobError::parts("no such upload")
}

#[async_trait]
impl Blobs for MemoryBlobs {
    async fn put(
        &self,
        key: &str,
        content_type: &str,
        sha256: Option<&str>,
        body: BlobBody,
    ) -> Result<BlobInfo, BlobError> {
        let bytes = body.read().await?;
        let sum = hash(&bytes);
        if sha256.is_some_and(|expected| expected != sum) {
            return Err(BlobError::other("the sha256 differs"));
        }
        let info = BlobInfo {
            size: bytes.len() as u64,
            content_type: content_type.to_string(),
            etag: sum[..32].to_string(),
            sha256: Some(sum),
        };
        self.with(|s| Ok(s.objects.insert(key.to_string(), (info.clone(), bytes))))?;
        Ok(info)
    }

    async fn head(&self, key: &str) -> Result<Option<BlobInfo>, BlobError> {
        self.with(|s| Ok(s.objects.get(key).map(|(info, _)| info.clone())))
    }

    async fn get(&self, key: &str, range: Option<Range>) -> Result<Option<Blob>, BlobError> {
        self.with(|s| {
            let Some((info, bytes)) = s.objects.get(key) else { return Ok(None) };
            let body = match range {
                Some(Range { first, last }) if first <= last && last < info.size => {
                    bytes.slice(first as usize..=last as usize)
                }
                Some(_) => return Err(BlobError::other("the range lies outside the object")),
                None => bytes.clone(),
            };
            Ok(Some(Blob { info: info.clone(), body: BlobBody::Bytes(body) }))
        })
    }

    async fn delete(&self, key: &str) -> Result<(), BlobError> {
        self.with(|s| {
            s.objects.remove(key);
            Ok(())
        })
    }

    async fn begin(&self, key: &str, content_type: &str) -> Result<String, BlobError> {
        self.with(|s| {
            s.begun += 1;
            let id = format!("upload-{}", s.begun);
            let upload = Upload { key: key.into(), content_type: content_type.into(), parts: BTreeMap::new() };
            s.uploads.insert(id.clone(), upload);
            Ok(id)
        })
    }

    async fn put_part(&self, key: &str, upload: &str, number: u16, body: BlobBody) -> Result<Part, BlobError> {
        let bytes = body.read().await?;
        let etag = hash(&bytes)[..32].to_string();
        self.with(|s| {
            let upload = s.uploads.get_mut(upload).filter(|u| u.key == key).ok_or_else(unknown)?;
            upload.parts.insert(number, (etag.clone(), bytes));
            Ok(())
        })?;
        Ok(Part { number, etag })
    }

    async fn complete(&self, key: &str, upload: &str, parts: &[Part]) -> Result<BlobInfo, BlobError> {
        let (content_type, whole) = self.with(|s| {
            let known = s.uploads.get(upload).filter(|u| u.key == key).ok_or_else(unknown)?;
            let mut whole = Vec::new();
            for part in parts {
                let stored = known.parts.get(&part.number).filter(|(etag, _)| *etag == part.etag);
                whole.extend_from_slice(&stored.ok_or_else(|| BlobError::parts("no such part"))?.1);
            }
            let content_type = known.content_type.clone();
            s.uploads.remove(upload);
            Ok((content_type, whole))
        })?;
        self.put(key, &content_type, None, BlobBody::Bytes(whole.into())).await
    }

    async fn abort(&self, _: &str, upload: &str) -> Result<(), BlobError> {
        self.with(|s| s.uploads.remove(upload).map(drop).ok_or_else(unknown))
    }
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn conforms() {
        assert_eq!(ports::conformance::blobs(&super::MemoryBlobs::default()).await, Ok(()));
    }
}
