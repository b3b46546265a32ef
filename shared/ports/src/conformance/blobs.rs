//! Checks of the object store.

use bytes::Bytes;

use super::{Check, expect};
use crate::{BlobBody, Blobs, Part, Range};

/// The object store.
pub async fn blobs(blobs: &dyn Blobs) -> Check {
    let fail = |e: crate::BlobError| e.to_string();
    let key = "conformance/a.bin";
    blobs.delete(key).await.map_err(fail)?;
    expect(blobs.head(key).await.map_err(fail)?.is_none(), "a deleted object is there")?;
    expect(blobs.get(key, None).await.map_err(fail)?.is_none(), "a deleted object can be read")?;
    let data = Bytes::from((0..=255).cycle().take(1000).collect::<Vec<u8>>());
    // sha256 of the 1000 bytes above.
    let wrong = "00".repeat(32);
    let refused = blobs.put(key, "image/png", Some(&wrong), BlobBody::Bytes(data.clone())).await;
    expect(refused.is_err(), "a wrong sha256 is accepted")?;
    let put = blobs.put(key, "image/png", None, BlobBody::Bytes(data.clone())).await.map_err(fail)?;
    expect(
        put.size == 1000 && put.content_type == "image/png" && !put.etag.is_empty(),
        "put describes another object",
    )?;
    let range = Some(Range { first: 10, last: 19 });
    let blob = blobs.get(key, range).await.map_err(fail)?.ok_or("a stored object is not there")?;
    expect(blob.info.size == 1000, "a range changes the object's size")?;
    expect(blob.body.read().await.map_err(fail)? == data.slice(10..20), "a range reads other bytes")?;
    let blob = blobs.get(key, None).await.map_err(fail)?.ok_or("a stored object is not there")?;
    expect(blob.info == put && blob.body.read().await.map_err(fail)? == data, "an object reads back differently")?;

    let key = "conformance/parts.bin";
    let upload = blobs.begin(key, "application/octet-stream").await.map_err(fail)?;
    let big = Bytes::from(vec![7; 5 << 20]);
    let one = blobs.put_part(key, &upload, 1, BlobBody::Bytes(big.clone())).await.map_err(fail)?;
    let two = blobs.put_part(key, &upload, 2, BlobBody::Bytes(data)).await.map_err(fail)?;
    let bad = Part { number: 2, etag: "no".into() };
    expect(blobs.complete(key, &upload, &[one.clone(), bad]).await.is_err(), "an unknown part is accepted")?;
    let whole = blobs.complete(key, &upload, &[one, two]).await.map_err(fail)?;
    expect(whole.size == (5 << 20) + 1000, "the parts do not make the whole")?;
    blobs.delete(key).await.map_err(fail)?;
    blobs.delete("conformance/a.bin").await.map_err(fail)
}
