//! R2.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt;
use ports::{Blob, BlobBody, BlobError, BlobInfo, Blobs, Part, Range};
use worker::send::{IntoSendFuture, SendFuture};
use worker::{Bucket, Data, Env, FixedLengthStream, HttpMetadata, Object, UploadedPart};

/// Looks the bucket up when it is needed.
pub struct R2(pub Arc<Env>);

impl R2 {
    fn bucket(&self) -> Result<Bucket, BlobError> {
        self.0.bucket("BLOBS").map_err(|_| BlobError::other("the R2 bucket BLOBS is not bound"))
    }
}

fn failed(error: worker::Error) -> BlobError {
    BlobError::other(error.to_string())
}

fn data(body: BlobBody) -> Data {
    match body {
        BlobBody::Bytes(bytes) => Data::Bytes(bytes.into()),
        BlobBody::Stream(stream, length) => {
            let chunks = stream.map(|chunk| chunk.map(Vec::from).map_err(|e| worker::Error::RustError(e.to_string())));
            Data::Stream(FixedLengthStream::wrap(chunks, length))
        }
    }
}

fn info(object: &Object) -> BlobInfo {
    BlobInfo {
        size: object.size(),
        content_type: object.http_metadata().content_type.unwrap_or_else(|| "application/octet-stream".into()),
        etag: object.etag(),
        sha256: object.checksum().sha256.map(|bytes| domain::id::hex(&bytes)),
    }
}

fn of_type(content_type: &str) -> HttpMetadata {
    HttpMetadata { content_type: Some(content_type.to_string()), ..HttpMetadata::default() }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(text.get(i..i + 2)?, 16).ok()).collect()
}

#[async_trait]
impl Blobs for R2 {
    fn is_bound(&self) -> bool {
        self.bucket().is_ok()
    }

    async fn put(
        &self,
        key: &str,
        content_type: &str,
        sha256: Option<&str>,
        body: BlobBody,
    ) -> Result<BlobInfo, BlobError> {
        SendFuture::new(async move {
            let bucket = self.bucket()?;
            let mut put = bucket.put(key, data(body)).http_metadata(of_type(content_type));
            if let Some(sum) = sha256 {
                put = put.sha256(unhex(sum).ok_or_else(|| BlobError::other("sha256 is not hex"))?);
            }
            let object = put.execute().await.map_err(failed)?;
            object.map(|object| info(&object)).ok_or_else(|| BlobError::other("the object was not stored"))
        })
        .await
    }

    async fn head(&self, key: &str) -> Result<Option<BlobInfo>, BlobError> {
        let bucket = self.bucket()?;
        let object = bucket.head(key).into_send().await.map_err(failed)?;
        Ok(object.map(|object| info(&object)))
    }

    async fn get(&self, key: &str, range: Option<Range>) -> Result<Option<Blob>, BlobError> {
        SendFuture::new(async move {
            let bucket = self.bucket()?;
            let mut get = bucket.get(key);
            if let Some(Range { first, last }) = range {
                get = get.range(worker::Range::OffsetWithLength { offset: first, length: last - first + 1 });
            }
            let Some(object) = get.execute().await.map_err(failed)? else { return Ok(None) };
            let info = info(&object);
            let length = range.map_or(info.size, |r| r.last - r.first + 1);
            let body = object.body().ok_or_else(|| BlobError::other("an object without a body"))?;
            let chunks = body.stream().map_err(failed)?.map(|chunk| chunk.map(Into::into).map_err(failed));
            Ok(Some(Blob { info, body: BlobBody::Stream(send_wrapper::SendWrapper::new(chunks).boxed(), length) }))
        })
        .await
    }

    async fn delete(&self, key: &str) -> Result<(), BlobError> {
        self.bucket()?.delete(key).into_send().await.map_err(failed)
    }

    async fn begin(&self, key: &str, content_type: &str) -> Result<String, BlobError> {
        SendFuture::new(async move {
            let bucket = self.bucket()?;
            let upload = bucket.create_multipart_upload(key).http_metadata(of_type(content_type));
            Ok(upload.execute().await.map_err(failed)?.upload_id().await)
        })
        .await
    }

    async fn put_part(&self, key: &str, upload: &str, number: u16, body: BlobBody) -> Result<Part, BlobError> {
        SendFuture::new(async move {
            let upload = self.bucket()?.resume_multipart_upload(key, upload).map_err(failed)?;
            let part = upload.upload_part(number, data(body)).await.map_err(parts)?;
            Ok(Part { number, etag: part.etag() })
        })
        .await
    }

    async fn complete(&self, key: &str, upload: &str, list: &[Part]) -> Result<BlobInfo, BlobError> {
        SendFuture::new(async move {
            let upload = self.bucket()?.resume_multipart_upload(key, upload).map_err(failed)?;
            let list: Vec<_> = list.iter().map(|part| UploadedPart::new(part.number, part.etag.clone())).collect();
            Ok(info(&upload.complete(list).await.map_err(parts)?))
        })
        .await
    }

    async fn abort(&self, key: &str, upload: &str) -> Result<(), BlobError> {
        SendFuture::new(async move {
            let upload = self.bucket()?.resume_multipart_upload(key, upload).map_err(failed)?;
            upload.abort().await.map_err(parts)
        })
        .await
    }
}

/// R2's codes for an unknown upload, a missing part and parts of wrong sizes: the caller's mistake, not ours.
fn parts(error: worker::Error) -> BlobError {
    let text = error.to_string();
    let callers_mistake = ["10024", "10025", "10048", "10011"].iter().any(|code| text.contains(code));
    if callers_mistake { BlobError::parts(text) } else { BlobError::other(text) }
}
