//! Datasets: images from everywhere are copied, and stay when their sources go.

use serde_json::{Value, json};
use tests::{Account, DedicatedEdge, Edge, Receiver, State, Watch, picture, size_of, until};

/// The images of a dataset once all are copied or have failed.
async fn settled(ann: &Account, path: &str) -> Vec<Value> {
    until("the copies settle", async || {
        (ann.get(path).send().await.expect(200).json()["pending"] == json!(0)).then_some(())
    })
    .await;
    let list = ann.get(&format!("{path}/images")).send().await.expect(200).json();
    list["list"].as_array().expect("a list").clone()
}

#[tokio::test]
async fn an_upload_in_a_dataset_survives_its_deletion() {
    let edge = Edge::shared();
    let (ann, bob) = (edge.sign_up("ann").await, edge.sign_up("bob").await);
    let upload = ann.call("POST", "/api/uploads").body("image/png", picture(40, 30, 5)).send().await.expect(201).json();
    let body = json!({"name": "Foxes", "images": [{"url": upload["url"], "caption": "a fox"}, upload["url"]]});
    let made = ann.post("/api/datasets", &body).send().await.expect(201);
    assert_eq!((&made.json()["images"], &made.json()["count"]), (&json!([upload["url"]]), &json!(1)));
    let path = made.header("location").to_owned();
    bob.get(&path).send().await.expect(404);
    let images = settled(&ann, &path).await;
    assert_eq!((&images[0]["status"], &images[0]["caption"]), (&json!("ready"), &json!("a fox")));
    assert_eq!((&images[0]["width"], &images[0]["height"]), (&json!(40), &json!(30)));
    ann.delete(&format!("/api/uploads/{}", upload["id"])).send().await.expect(204);
    let copy = images[0]["url"].as_str().expect("a url").to_owned();
    let file = edge.get(&copy).send().await.expect(200);
    assert_eq!((file.header("content-type"), size_of(&file.bytes)), ("image/png", (40, 30)));

    let mut watch = Watch::of(&ann, &path).await;
    assert_eq!(watch.next().await.expect("a frame")["images"], json!([copy]));
    ann.patch(&path, &json!({"public": true})).send().await.expect(200);
    assert_eq!(watch.next().await.expect("a frame")["public"], json!(true));
    assert_eq!(bob.get(&path).send().await.expect(200).json()["images"], json!([copy]));
    ann.delete(&path).send().await.expect(204);
    until("the copy is deleted", async || (edge.get(&copy).send().await.status == 404).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn images_outside_are_copied_under_the_rules_of_every_hop() {
    let files = Receiver::start(|received| match received.path.as_str() {
        "/a.png" => (200, ("content-type", "image/png".to_owned()), picture(64, 48, 9)),
        "/large.png" => {
            let mut file = picture(64, 48, 9);
            file.resize(6 << 20, 0);
            (200, ("content-type", "image/png".to_owned()), file)
        }
        "/moved" => (302, ("location", "/a.png".to_owned()), Vec::new()),
        "/inside" => (302, ("location", "http://127.0.0.1:1/a.png".to_owned()), Vec::new()),
        "/huge" => (200, ("content-type", "image/png".to_owned()), vec![0; (20 << 20) + 1]),
        "/page" => (200, ("content-type", "image/png".to_owned()), b"<html>".to_vec()),
        _ => (404, ("x-receiver", "test".to_owned()), Vec::new()),
    })
    .await;
    let state = State::new();
    let own = DedicatedEdge::start_with(&state, 0, &[("FETCH_ALLOW", &files.allowed())]);
    let ann = own.edge.sign_up("ann").await;
    let refused = ann.post("/api/datasets", &json!({"images": [files.url("/a.png"), "http://127.0.0.1:1/a.png"]}));
    assert_eq!(refused.send().await.refused(400, "invalid_parameter").error()["param"], "images[1]");
    let paths = ["/a.png", "/large.png", "/moved", "/inside", "/huge", "/page", "/none"];
    let urls: Vec<String> = paths.iter().map(|path| files.url(path)).collect();
    let made = ann.post("/api/datasets", &json!({"images": urls})).send().await.expect(201);
    let images = settled(&ann, made.header("location")).await;
    let outcomes: Vec<Value> =
        images.iter().map(|image| image["error"].get("code").unwrap_or(&image["status"]).clone()).collect();
    let (unreachable, invalid) = ("image_unreachable", "invalid_image");
    let expected = ["ready", "ready", "ready", unreachable, unreachable, invalid, unreachable];
    assert_eq!(json!(outcomes), json!(expected));
    let copy = images[1]["url"].as_str().expect("a url");
    assert_eq!(own.edge.get(copy).send().await.expect(200).bytes.len(), 6 << 20);
}
