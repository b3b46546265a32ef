//! What becomes an image of a dataset, and changes of its images.

use domain::Lang;
use domain::training::MAX_IMAGES;
use store::datasets::{self, DatasetRef, NewImage};
use store::{Scope, Tx};

use super::*;

/// Adds images of choices as `POST /api/models` does: the new dataset's sources.
async fn of_choices(kit: &Kit, by: &Account, choices: &[i64]) -> Result<Vec<String>, domain::Error> {
    let scope = Scope { me: by.id, now: kit.now(), version: Default::default(), lang: Lang::En };
    let mut tx = Tx::new(kit.runtime().sql, scope);
    datasets::insert(&mut tx, &datasets::NewDataset { name: "", info: "", public: false });
    datasets::add_images(&mut tx, DatasetRef::Newest, &NewImage::of_choices("data.choices", choices), "data");
    tx.run().await?;
    let rows = kit.sql(
        "SELECT source FROM dataset_images WHERE dataset_id = (SELECT max(id) FROM datasets) ORDER BY position",
        [],
    );
    Ok(rows.await.iter().map(|row| row.text("source").unwrap().to_string()).collect())
}

#[tokio::test]
async fn our_images_and_files_are_named_by_their_addresses() {
    let kit = kit();
    let (ann, bob) = (kit.user("ann").await, kit.user("bob").await);
    let (own, public) = (kit.image(ann.id, false).await, kit.image(bob.id, true).await);
    let keys = ["up/000000000000000000000000000000aa.png", "out/1/1/000000000000000000000000000000bb.png"];
    for (key, id) in keys.iter().zip([own, public]) {
        kit.sql("UPDATE images SET key = ?1 WHERE id = ?2", [(*key).into(), id.into()]).await;
    }
    let sources = json!([
        url(1),
        format!("/api/images/{own}"),
        format!("/files/{}", keys[0]),
        format!("/api/images/{public}"),
        format!("https://draw.example.com/files/{}", keys[1]),
        "HTTPS://OSS.example.com/1.png"
    ]);
    let mut kit = kit;
    kit.config.public_url = "https://draw.example.com".into();
    kit.batches();
    let made = create(&kit, &ann, sources).await;
    assert_eq!((made.status, kit.batches()), (201, 1), "{}", made.text());
    let files = keys.map(|key| format!("/files/{key}"));
    assert_eq!(made.json()["images"], json!([url(1), files[0], files[1]]), "each once, in its first place");
}

#[tokio::test]
async fn a_source_that_the_caller_may_not_use_is_named() {
    let kit = kit();
    let (ann, bob) = (kit.user("ann").await, kit.user("bob").await);
    let secret = kit.image(bob.id, false).await;
    let hidden = format!("/api/images/{secret}");
    for (images, field) in [
        (json!([]), "images"),
        (json!([url(1), url(2), url(3), hidden]), "images[3]"),
        (json!([url(1), "/api/images/999", hidden]), "images[1]"),
        (json!([{"url": "http://127.0.0.1/x.png"}]), "images[0]"),
        (json!([url(1), "http://169.254.169.254/latest/meta-data"]), "images[1]"),
        (json!(["http://[::1]/x.png"]), "images[0]"),
        (json!(["file:///etc/passwd"]), "images[0]"),
        (json!(["https://user@oss.example.com/x.png"]), "images[0]"),
        (json!([7]), "images[0]"),
        (json!([{"url": url(1), "caption": ["x"]}]), "images[0]"),
        (json!(vec![url(1); MAX_IMAGES + 1]), "images"),
        (json!((0..900).map(|n| format!("{}{}", url(n), "x".repeat(1700))).collect::<Vec<_>>()), "images"),
    ] {
        let refused = create(&kit, &ann, images).await;
        assert_eq!(refused.refusal(), format!("400 invalid_parameter:{field}"));
    }
    assert_eq!(kit.post("/api/datasets", json!({})).by(&ann).send().await.refusal(), "400 invalid_parameter:images");
    for (body, refusal) in [(b"[]".to_vec(), "400 malformed_json"), (vec![b' '; 2 << 20], "413 body_too_large")] {
        let sent = kit.call("POST", "/api/datasets").body("application/json", body).by(&ann).send().await;
        assert_eq!(sent.refusal(), refusal);
    }
    assert_eq!(kit.number("SELECT count(*) FROM datasets").await, 0);
    assert_eq!(create(&kit, &bob, json!([hidden])).await.status, 201);
}

#[tokio::test]
async fn a_choice_gives_the_images_that_the_caller_sees() {
    let kit = kit();
    let (ann, bob) = (kit.user("ann").await, kit.user("bob").await);
    for (id, by, public) in [(1, &bob, 1), (2, &bob, 0), (3, &ann, 0)] {
        kit.sql(
            "INSERT INTO choices (id, name, public, user_id, created_at, updated_at) VALUES (?1, 'c', ?2, ?3, 0, 0)",
            [id.into(), public.into(), by.id.into()],
        )
        .await;
    }
    let images = [kit.image(bob.id, true).await, kit.image(bob.id, false).await, kit.image(ann.id, false).await];
    for (choice, image) in [(1, images[0]), (1, images[1]), (3, images[2]), (3, images[0])] {
        kit.sql(
            "INSERT INTO choice_images (choice_id, image_id, created_at) VALUES (?1, ?2, 0)",
            [choice.into(), image.into()],
        )
        .await;
    }
    let file = async |id: i64| {
        let rows = kit.sql("SELECT key FROM images WHERE id = ?1", [id.into()]).await;
        format!("/files/{}", rows.first().unwrap().text("key").unwrap())
    };
    let (public, own) = (file(images[0]).await, file(images[2]).await);
    assert_eq!(
        of_choices(&kit, &ann, &[1]).await.unwrap(),
        std::slice::from_ref(&public),
        "bob's private image is not ann's"
    );
    assert_eq!(of_choices(&kit, &ann, &[3, 1]).await.unwrap(), [public, own]);
    let field = |error: domain::Error| error.field.unwrap().to_string();
    assert_eq!(of_choices(&kit, &ann, &[1, 2]).await.map_err(field), Err("data.choices[1]".into()));
    kit.sql("DELETE FROM choice_images WHERE image_id = ?1", [images[0].into()]).await;
    assert_eq!(of_choices(&kit, &ann, &[1]).await.map_err(field), Err("data".into()), "empty");
}

#[tokio::test]
async fn a_new_list_keeps_the_rows_of_the_images_that_stay() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let path = dataset(&kit, &ann, json!([url(1), {"url": url(2), "caption": "two"}, url(3)])).await;
    for n in 1..=4 {
        kit.fetch.respond(&url(n), 200, &[], png(1, 1, n));
    }
    copy(&kit).await;
    let before = rows(&kit, &ann, &path).await;
    kit.wait(10);
    // Our copy's address is that of the same image.
    let list = json!([url(4), before[1]["url"], {"url": url(1), "caption": "one"}]);
    kit.batches();
    let changed = kit.patch(&path, json!({"images": list})).by(&ann).send().await;
    assert_eq!((changed.status, kit.batches()), (200, 1), "{}", changed.text());
    assert_eq!((&changed.json()["count"], &changed.json()["pending"]), (&json!(3), &json!(1)));
    let after = rows(&kit, &ann, &path).await;
    assert_eq!(column(&after, "source"), [json!(url(4)), json!(url(2)), json!(url(1))]);
    assert_eq!(after[1], before[1], "its row stays, with its caption");
    assert_eq!((&after[2]["caption"], &after[2]["url"]), (&json!("one"), &before[0]["url"]), "the copy is the same");
    assert_ne!(after[2]["id"], before[0]["id"]);
    copy(&kit).await;
    store::outbox::flush(&kit.runtime()).await.unwrap();
    let urls: Vec<String> =
        rows(&kit, &ann, &path).await.iter().map(|row| row["url"].as_str().unwrap().into()).collect();
    let mut files: Vec<String> = kit.blobs.keys().iter().map(|key| format!("/files/{key}")).collect();
    let mut expected = urls.clone();
    files.sort();
    expected.sort();
    assert_eq!(files, expected, "the copy of the third image is deleted");
    let same = kit.patch(&path, json!({"images": urls})).by(&ann).send().await.json();
    assert_eq!(column(&rows(&kit, &ann, &path).await, "id"), column(&after, "id"));
    assert_eq!((&same["images"], &same["pending"]), (&json!(urls), &json!(0)));
    for bad in [json!([]), json!([url(1), "http://10.0.0.1/"])] {
        assert_eq!(kit.patch(&path, json!({"images": bad})).by(&ann).send().await.status, 400);
    }
    assert_eq!(column(&rows(&kit, &ann, &path).await, "id"), column(&after, "id"));
}

#[tokio::test]
async fn images_are_added_captioned_and_removed_one_by_one() {
    let kit = kit();
    let (ann, bob) = (kit.user("ann").await, kit.user("bob").await);
    let path = dataset(&kit, &ann, json!([url(1)])).await;
    let images = format!("{path}/images");
    let add = |body: Value| kit.post(&images, body).by(&ann);
    kit.wait(5);
    let body = json!({"images": [url(2), url(1), {"url": url(3), "caption": "three"}]});
    kit.published().await;
    kit.batches();
    let added = add(body.clone()).header("idempotency-key", "k").send().await;
    assert_eq!((added.status, added.header("location"), kit.batches()), (201, path.as_str(), 1), "{}", added.text());
    assert_eq!(added.json()["images"], json!([url(1), url(2), url(3)]));
    let frames = kit.published().await;
    assert_eq!(frames.len(), 1);
    assert_eq!(frames[0].0, path.trim_start_matches("/api/"));
    let repeat = add(body).header("idempotency-key", "k").send().await;
    assert_eq!((repeat.status, &repeat.bytes), (201, &added.bytes));
    assert_eq!(
        add(json!({"images": [url(4), "/api/images/77"]})).send().await.refusal(),
        "400 invalid_parameter:images[1]"
    );

    let page = kit.get(&format!("{images}?size=2")).by(&ann).send().await.json();
    assert_eq!((page["total"].clone(), page["next"].clone()), (json!(3), json!(true)));
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = kit.get(&format!("{images}?size=2&cursor={cursor}")).by(&ann).send().await;
    assert_eq!(rest.column("caption"), ["three"]);
    let third = rest.json()["list"][0]["id"].as_i64().unwrap();
    let at = |id: i64| format!("{images}/{id}");
    kit.wait(5);
    kit.batches();
    let captioned = kit.patch(&at(third), json!({"caption": "一隻狐狸"})).by(&ann).send().await;
    assert_eq!((captioned.status, kit.batches()), (200, 1), "{}", captioned.text());
    let fourth = captioned.json()["id"].as_i64().unwrap();
    assert_eq!((&captioned.json()["caption"], fourth > third), (&json!("一隻狐狸"), true));
    assert_eq!(kit.patch(&at(third), json!({"caption": "x"})).by(&ann).send().await.status, 404);
    let same = kit.patch(&at(fourth), json!({"caption": "一隻狐狸"})).by(&ann).send().await;
    assert_eq!(same.json()["id"], json!(fourth), "no change, no new row");
    assert_eq!(kit.delete(&at(fourth)).by(&ann).send().await.status, 204);
    assert_eq!(kit.delete(&at(fourth)).by(&ann).send().await.status, 404);
    assert_eq!(read(&kit, &ann, &path).await["count"], 2);
    assert_eq!(kit.get(&format!("{images}?status=pending")).by(&ann).send().await.json()["total"], 2);
    assert_eq!(
        kit.get(&format!("{images}?status=done")).by(&ann).send().await.refusal(),
        "400 invalid_parameter:status"
    );

    let other = dataset(&kit, &bob, json!([url(1)])).await;
    let theirs = rows(&kit, &bob, &other).await[0]["id"].as_i64().unwrap();
    for (method, path, status) in [
        ("GET", format!("{other}/images"), 404),
        ("POST", format!("{other}/images"), 404),
        ("PATCH", format!("{other}/images/{theirs}"), 404),
        ("DELETE", format!("{other}/images/{theirs}"), 404),
        ("DELETE", at(theirs), 404),
    ] {
        let body = json!({"images": [url(9)], "caption": "x"});
        assert_eq!(kit.call(method, &path).json(body).by(&ann).send().await.status, status, "{method} {path}");
    }
    assert_eq!(kit.get(&format!("{other}/images")).send().await.status, 404);
    kit.sql("UPDATE datasets SET public = 1", []).await;
    assert_eq!(kit.delete(&format!("{other}/images/{theirs}")).by(&ann).send().await.status, 403);
    assert_eq!(rows(&kit, &bob, &other).await.len(), 1);
}

#[tokio::test]
async fn five_thousand_images_and_no_more() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let urls: Vec<String> = (0..MAX_IMAGES).map(url).collect();
    kit.batches();
    let made = create(&kit, &ann, json!(urls)).await;
    assert_eq!((made.status, kit.batches()), (201, 1), "{}", made.text());
    assert_eq!(made.json()["images"], json!(urls));
    let path = format!("/api/datasets/{}", made.json()["id"]);
    let more = json!({"images": [url(MAX_IMAGES)]});
    assert_eq!(
        kit.post(&format!("{path}/images"), more).by(&ann).send().await.refusal(),
        "400 invalid_parameter:images"
    );
    let reversed: Vec<&String> = urls.iter().rev().collect();
    let changed = kit.patch(&path, json!({"images": reversed})).by(&ann).send().await;
    assert_eq!((changed.status, changed.json()["images"].clone()), (200, json!(reversed)));
    assert_eq!(kit.number("SELECT max(id) FROM dataset_images").await, MAX_IMAGES as i64, "no row was made anew");
    // A reply must hold all addresses.
    let long = |from: usize| -> Vec<String> {
        (from..from + 700).map(|n| format!("https://oss.example.com/{n}/{}", "x".repeat(2000))).collect()
    };
    let path = dataset(&kit, &ann, json!(long(0))).await;
    let more = json!({"images": long(700)});
    assert_eq!(
        kit.post(&format!("{path}/images"), more).by(&ann).send().await.refusal(),
        "400 invalid_parameter:images"
    );
}
