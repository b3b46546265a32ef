//! Copies: what is stored, in which order, and what a crash leaves.

use std::sync::Arc;

use async_trait::async_trait;
use ports::{BlobBody, Blobs, Fetch, FetchError, FetchRequest, FetchResponse, Source, Sql, Stmt};
use store::dataset_copies;

use super::*;

/// Never replies.
struct Silent;

#[async_trait]
impl Fetch for Silent {
    async fn send(&self, _: FetchRequest) -> Result<FetchResponse, FetchError> {
        std::future::pending().await
    }
}

/// Replies with an image after a statement was run.
struct Meanwhile(Arc<dyn Sql>, &'static str);

#[async_trait]
impl Fetch for Meanwhile {
    async fn send(&self, _: FetchRequest) -> Result<FetchResponse, FetchError> {
        self.0.run(vec![Stmt::new(self.1, [])]).await.unwrap();
        Ok(FetchResponse { status: 200, headers: Vec::new(), body: png(1, 1, 0).into(), complete: true })
    }
}

#[tokio::test]
async fn a_copy_survives_its_source() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let image = kit.image(ann.id, false).await;
    let (key, file) = ("out/1/1/000000000000000000000000000000aa.png", png(8, 6, 100));
    kit.sql("UPDATE images SET key = ?1 WHERE id = ?2", [key.into(), image.into()]).await;
    kit.blobs.put(key, "image/png", None, BlobBody::Bytes(file.clone().into())).await.unwrap();
    let path =
        dataset(&kit, &ann, json!([format!("/api/images/{image}"), "/files/up/000000000000000000000000000000bb.png"]))
            .await;
    kit.batches();
    assert!(dataset_copies::copy(&kit.runtime()).await.unwrap());
    assert_eq!(kit.batches(), 4, "claim, reserve, record, outbox");
    assert_eq!(kit.fetch.requests(), [], "our own files are not fetched");
    kit.blobs.delete(key).await.unwrap();
    let images = rows(&kit, &ann, &path).await;
    assert_eq!(column(&images, "status"), [json!("ready"), json!("failed")], "a file that is gone");
    let copied = images[0]["url"].as_str().unwrap().strip_prefix("/files/").unwrap();
    assert!(copied.starts_with("data/") && copied.ends_with(".png"), "{copied}");
    let blob = kit.blobs.get(copied, None).await.unwrap().unwrap();
    assert_eq!((blob.info.content_type.as_str(), blob.body.read().await.unwrap()), ("image/png", file.clone().into()));
    let sha256 = kit.sql("SELECT sha256, size FROM dataset_images WHERE status = 'ready'", []).await;
    let row = sha256.first().unwrap();
    assert_eq!(
        (row.text("sha256").unwrap(), row.int("size")),
        (web::sha256_hex(&file).as_str(), Some(file.len() as i64))
    );
    assert_eq!(kit.number("SELECT count(*) FROM pending_objects").await, 0);
    assert!(!dataset_copies::copy(&kit.runtime()).await.unwrap(), "nothing more is due");
}

#[tokio::test]
async fn formats_are_recognised_by_their_bytes() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let jpeg = b"\xff\xd8\xff\xc0\0\x0b\x08\0\x05\0\x09\x01\x01\x11\0".to_vec();
    let webp = b"RIFF\0\0\0\0WEBPVP8X\0\0\0\0\0\0\0\0\x7f\x02\0\xdf\x01\0".to_vec();
    for (n, file) in
        [jpeg, webp, b"<html>".to_vec(), b"\xff\xd8\xff".to_vec(), png(60_000, 60_000, 0)].into_iter().enumerate()
    {
        kit.fetch.respond(&url(n), 200, &[("content-type", "image/png")], file);
    }
    let path = dataset(&kit, &ann, json!((0..5).map(url).collect::<Vec<_>>())).await;
    copy(&kit).await;
    let images = rows(&kit, &ann, &path).await;
    let facts: Vec<Value> =
        images.iter().map(|row| json!([row["width"], row["height"], row["error"]["code"]])).collect();
    assert_eq!(
        json!(facts),
        json!([
            [9, 5, null],
            [640, 480, null],
            [null, null, "invalid_image"],
            [null, null, "invalid_image"],
            [null, null, "image_too_large"]
        ])
    );
    let extensions: Vec<&str> =
        images[..2].iter().map(|row| row["url"].as_str().unwrap().rsplit('.').next().unwrap()).collect();
    assert_eq!(extensions, ["jpg", "webp"]);
    let chinese = kit.get(&format!("{path}/images")).header("accept-language", "zh-TW").by(&ann).send().await.json();
    assert_eq!(chinese["list"][4]["error"]["message"], "圖片超過 40000000 像素。");
}

#[tokio::test]
async fn a_large_image_is_loaded_alone() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let large = png(1000, 1000, 5 << 20);
    kit.fetch.respond(&url(0), 302, &[("location", &url(9))], "");
    kit.fetch.respond(&url(9), 200, &[], large.clone());
    kit.fetch.respond(&url(1), 200, &[], png(1, 1, 0));
    let key = "up/000000000000000000000000000000aa.png";
    kit.blobs.put(key, "image/png", None, BlobBody::Bytes(large.clone().into())).await.unwrap();
    let path = dataset(&kit, &ann, json!([url(0), url(1), format!("/files/{key}")])).await;
    copy(&kit).await;
    assert_eq!(column(&rows(&kit, &ann, &path).await, "size"), [json!(large.len()), json!(29), json!(large.len())]);
    let requests = kit.fetch.requests();
    let asked: Vec<(&str, usize)> = requests.iter().map(|r| (r.url.as_str(), r.max_bytes)).collect();
    let (first, redirected, second) = (url(0), url(9), url(1));
    assert_eq!(asked.len(), 4, "{asked:?}");
    for expected in [(first.as_str(), 4 << 20), (&redirected, 4 << 20), (&second, 4 << 20)] {
        assert!(asked[..3].contains(&expected), "{asked:?}");
    }
    assert_eq!(asked[3], (redirected.as_str(), 20 << 20));
}

#[tokio::test]
async fn users_take_turns() {
    let kit = kit();
    let (ann, bob, eve) = (kit.user("ann").await, kit.user("bob").await, kit.user("eve").await);
    for n in 0..30 {
        kit.fetch.respond(&url(n), 200, &[], png(1, 1, n));
    }
    let many = dataset(&kit, &ann, json!((0..20).map(url).collect::<Vec<_>>())).await;
    let few = dataset(&kit, &bob, json!([url(21), url(22)])).await;
    // Nothing answers here.
    let slow = dataset(&kit, &eve, json!((31..40).map(url).collect::<Vec<_>>())).await;
    assert!(dataset_copies::copy(&kit.runtime()).await.unwrap());
    assert_eq!(kit.number("SELECT count(*) FROM dataset_images WHERE tries > 0").await, 6);
    assert_eq!(read(&kit, &bob, &few).await["pending"], 0, "both of bob's are among the first six");
    assert_eq!(read(&kit, &ann, &many).await["pending"], 18);
    assert_eq!(kit.number("SELECT count(*) FROM dataset_images WHERE user_id = 3 AND tries > 0").await, 2);
    copy(&kit).await;
    assert_eq!(read(&kit, &ann, &many).await["pending"], 0);
    assert_eq!(read(&kit, &eve, &slow).await["pending"], 9, "to be tried again");
}

#[tokio::test]
async fn a_try_that_a_crash_ended_is_made_again() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let path = dataset(&kit, &ann, json!((0..8).map(url).collect::<Vec<_>>())).await;
    let mut runtime = kit.runtime();
    runtime.fetch = Arc::new(Silent);
    tokio::select! {
        biased;
        _ = dataset_copies::copy(&runtime) => panic!("the outside is silent"),
        () = std::future::ready(()) => {}
    }
    assert_eq!(kit.number("SELECT count(*) FROM dataset_images WHERE claimed = 1").await, 6);
    assert!(!dataset_copies::copy(&kit.runtime()).await.unwrap(), "no more than six at once, over all sweepers");
    for n in 0..8 {
        kit.fetch.respond(&url(n), 200, &[], png(1, 1, n));
    }
    kit.wait(240_000);
    copy(&kit).await;
    assert_eq!(read(&kit, &ann, &path).await["pending"], 0);
    assert_eq!(kit.number("SELECT count(*) FROM dataset_images WHERE tries = 2").await, 6);

    // A last try that ends without a record is not made for ever.
    let path = dataset(&kit, &ann, json!([url(9)])).await;
    kit.sql("UPDATE dataset_images SET tries = 5 WHERE status = 'pending'", []).await;
    kit.fetch.requests();
    copy(&kit).await;
    assert_eq!(rows(&kit, &ann, &path).await[0]["error"]["code"], "image_unreachable");
    assert_eq!(kit.fetch.requests(), []);
}

#[tokio::test]
async fn the_copy_of_an_image_that_was_removed_meanwhile_is_deleted() {
    let kit = kit();
    let ann = kit.user("ann").await;
    for (meanwhile, ready) in [
        ("DELETE FROM dataset_images", 0),
        ("UPDATE dataset_images SET tries = tries + 1", 0),
        ("DELETE FROM datasets", 0),
        ("SELECT 1", 1),
    ] {
        dataset(&kit, &ann, json!([url(1)])).await;
        let mut runtime = kit.runtime();
        runtime.fetch = Arc::new(Meanwhile(runtime.sql.clone(), meanwhile));
        assert!(dataset_copies::copy(&runtime).await.unwrap());
        assert_eq!(
            kit.number("SELECT count(*) FROM dataset_images WHERE status = 'ready'").await,
            ready,
            "{meanwhile}"
        );
        assert_eq!((kit.blobs.keys().len(), kit.number("SELECT count(*) FROM pending_objects").await), (1, 1 - ready));
        kit.wait(3_600_000);
        kit.sql("DELETE FROM dataset_images WHERE status = 'pending'", []).await;
        store::sweep::round(&kit.runtime()).await.unwrap();
        assert_eq!(kit.blobs.keys().len() as i64, ready, "{meanwhile}: the sweeper deletes what was reserved");
    }
}

#[tokio::test]
async fn what_fails_for_now_is_tried_again_ever_later() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let path = dataset(&kit, &ann, json!([url(1), url(2)])).await;
    kit.fetch.fail(&url(1), FetchError::TimedOut);
    kit.fetch.respond(&url(2), 503, &[], "");
    let mut waited = Vec::new();
    for _ in 0..5 {
        copy(&kit).await;
        let (now, next) =
            (kit.now().0, kit.number("SELECT min(not_before) FROM dataset_images WHERE status = 'pending'").await);
        if next > 0 {
            waited.push(next - now);
            kit.wait(next - now - 1);
            assert!(!dataset_copies::copy(&kit.runtime()).await.unwrap(), "not before its time");
            kit.wait(1);
        }
        if waited.len() == 2 {
            kit.fetch.respond(&url(2), 200, &[], png(1, 1, 0));
        }
    }
    assert_eq!(waited, [10_000, 60_000, 300_000, 1_800_000]);
    assert_eq!(column(&rows(&kit, &ann, &path).await, "status"), [json!("failed"), json!("ready")]);
    assert_eq!(kit.fetch.requests().len(), 5 + 3);
    let settled = read(&kit, &ann, &path).await;
    assert_eq!((&settled["pending"], &settled["failed"]), (&json!(0), &json!(1)));
    // Removed and added, it is tried anew.
    kit.fetch.respond(&url(1), 200, &[], png(2, 2, 0));
    let first = rows(&kit, &ann, &path).await[0]["id"].clone();
    assert_eq!(kit.delete(&format!("{path}/images/{first}")).by(&ann).send().await.status, 204);
    kit.wait(1);
    kit.post(&format!("{path}/images"), json!({"images": [url(1)]})).by(&ann).send().await;
    copy(&kit).await;
    assert_eq!(column(&rows(&kit, &ann, &path).await, "status"), [json!("ready"), json!("ready")]);
}

#[tokio::test]
async fn an_object_store_that_fails_is_tried_again() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let path = dataset(&kit, &ann, json!([url(1)])).await;
    kit.fetch.respond(&url(1), 200, &[], png(1, 1, 0));
    let mut runtime = kit.runtime();
    runtime.blobs = Arc::new(ports::unbound::Unbound("an object store"));
    assert!(dataset_copies::copy(&runtime).await.unwrap());
    assert_eq!(read(&kit, &ann, &path).await["pending"], 1);
    dataset_copies::dispatch(&runtime);
    kit.settle().await;
    assert_eq!(kit.number("SELECT max(tries) FROM dataset_images").await, 1, "nothing is claimed without a store");
    kit.fetch.fail(&url(1), FetchError::Failed(Source::new("refused")));
    kit.wait(10_000);
    copy(&kit).await;
    kit.fetch.respond(&url(1), 200, &[], png(1, 1, 0));
    kit.wait(60_000);
    assert!(store::sweep::round(&kit.runtime()).await.unwrap(), "the sweeper comes back");
    kit.settle().await;
    assert_eq!(read(&kit, &ann, &path).await["pending"], 0, "the sweeper copies");
    let frames = kit.published().await;
    let (room, event) = frames.last().unwrap();
    let frame: Value = serde_json::from_str(event.owner.as_ref().unwrap().text("v1").unwrap()).unwrap();
    assert_eq!((room.as_str(), &frame["pending"], event.public.is_none()), ("datasets/1", &json!(0), true));
}
