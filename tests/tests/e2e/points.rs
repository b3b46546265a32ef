//! The points task API: its users' own client, many submissions at once, and sockets.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::thread;

use serde_json::{Value, json};
use tests::{Account, Answer, DedicatedEdge, Edge, RunnerProcess, State, Watch, picture, setting, size_of, unique};

const SUBMIT: &str = "/user/ai/tasks/submit";
const BALANCE: &str = "/user/points/consumption/balance";

/// The `data` of a good answer.
#[track_caller]
fn data(answer: Answer) -> Value {
    let json = answer.expect(200).json();
    assert_eq!((&json["code"], &json["message"]), (&json!(200), &json!("success")), "{json}");
    json["data"].clone()
}

/// An order of 30 points to a model of the test's own that draws as little as can be.
async fn order(edge: &Edge) -> Value {
    let name = unique("model");
    let model = json!({"model_name": name, "points_cost": 30, "task_type": "text_to_image", "aspect_ratio": "2:3",
        "size": 64, "defaults": {"num_inference_steps": 4}});
    edge.admin().await.make("/api/points-config", &model).await;
    json!({"modelName": name, "prompt": "一个可爱的橘猫在窗台上晒太阳，温馨的室内场景"})
}

async fn submit(who: &Account, order: &Value) -> String {
    let answer = data(who.post(SUBMIT, order).send().await);
    assert_eq!(answer["status"], "queued");
    answer["taskNo"].as_str().expect("a number").to_owned()
}

async fn balance(who: &Account) -> i64 {
    data(who.get(BALANCE).send().await)["balance"].as_i64().expect("a number")
}

/// Every picture of the price list is as small as can be.
async fn draw_small(admin: &Account) {
    let models = admin.get("/api/points-config?size=100").send().await.expect(200).json();
    let models = models["list"].as_array().expect("models");
    let draws: Vec<&Value> = models.iter().filter(|model| model["task_type"] != json!("training")).collect();
    assert_eq!(draws.len(), 8);
    for model in draws {
        let body = json!({"size": 64, "defaults": {"num_inference_steps": 4}});
        admin.patch(&format!("/api/points-config/{}", model["id"]), &body).send().await.expect(200);
    }
}

/// A picture somewhere on the internet: what this listener answers at `/a.png`, and nothing else.
fn outside(listener: TcpListener) {
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // A client that is gone has had enough.
            let _ = answer(stream);
        }
    });
}

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let (status, body) =
        if first.starts_with("GET /a.png ") { ("200 OK", picture(90, 60, 9)) } else { ("404 Not Found", Vec::new()) };
    write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len())?;
    stream.write_all(&body)
}

#[tokio::test]
async fn the_sample_client_runs_unmodified() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let host = listener.local_addr().expect("an address").to_string();
    outside(listener);
    let state = State::new();
    let own = DedicatedEdge::start_with(&state, 0, &[("FETCH_ALLOW", &host), ("SIGNUP_POINTS", "100")]);
    let edge = &own.edge;
    let (ann, poor, admin) = (edge.sign_up("ann").await, edge.sign_up("poor").await, edge.admin().await);
    draw_small(&admin).await;
    admin.post(&format!("/api/users/{}/points", ann.id), &json!({"points": 900})).send().await.expect(201);
    let upload = ann.call("POST", "/api/uploads").body("image/png", picture(60, 90, 5)).send().await.expect(201).json();
    let own_picture = format!("{}{}", edge.url, upload["url"].as_str().expect("a url"));

    let play = |scene: &str| {
        let mut client = Command::new(setting("NODE_BIN"));
        client.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/node/suchuang-run.mjs"));
        client.env("BASE_URL", &edge.url).env("TOKEN", ann.token()).env("POOR_TOKEN", poor.token());
        client.env("SCENE", scene).env("OWN_PICTURE", &own_picture).env("OUTSIDE", format!("http://{host}"));
        assert!(client.status().expect("Node starts").success(), "{scene}: not what the client was written for");
    };
    play("refusals");
    let _runner = RunnerProcess::start(edge, "runner");
    play("drawing");

    // Connections that were idle all the time may be gone.
    let edge = &Edge::at(&own.edge.url);
    let ann = Account { edge: edge.clone(), ..ann };
    // Ratios as asked for; of `auto` the picture's.
    let page = data(ann.get("/user/ai/tasks/list?size=100&status=completed").send().await);
    let mut sizes = Vec::new();
    for task in page["records"].as_array().expect("tasks") {
        let path = task["resultUrl"].as_str().and_then(|url| url.strip_prefix(&edge.url)).expect("our own link");
        let (width, height) = size_of(&edge.get(path).send().await.expect(200).bytes);
        let model = task["modelName"].as_str().expect("a model").trim_start_matches("sc_soraimg_").to_owned();
        sizes.push((model, width, height));
    }
    sizes.sort();
    let expected = [
        ("img2img_1x1", 64, 64),
        ("img2img_3x2", 96, 64),
        ("img2img_auto", 96, 64),
        ("text_1x1", 64, 64),
        ("text_2x3", 64, 96),
        ("text_3x2", 96, 64),
        ("text_auto", 64, 64),
    ];
    assert_eq!(sizes, expected.map(|(model, width, height)| (model.to_owned(), width, height)));
}

#[tokio::test]
async fn fifty_submissions_with_one_key_are_one_task_and_one_debit() {
    let ann = Edge::shared().sign_up("ann").await;
    let (before, order) = (balance(&ann).await, order(&ann.edge).await);
    let calls = (0..50).map(|_| ann.post(SUBMIT, &order).header("idempotency-key", "one").send());
    let answers = futures_util::future::join_all(calls).await;
    let first = &answers[0];
    let number = first.json()["data"]["taskNo"].as_str().expect("a number").to_owned();
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.bytes == first.bytes));
    assert_eq!(balance(&ann).await, before - 30);
    let page = data(ann.get("/user/ai/tasks/list").send().await);
    assert_eq!((&page["total"], &page["records"][0]["taskNo"]), (&json!(1), &json!(number)));
}

#[tokio::test]
async fn fifty_submissions_of_ones_last_points_are_as_many_as_they_pay_for() {
    let ann = Edge::shared().sign_up("ann").await;
    let (affordable, order) = (balance(&ann).await / 30, order(&ann.edge).await);
    assert!(affordable < 50, "fewer than are sent");
    let calls = (0..50).map(|_| ann.post(SUBMIT, &order).send());
    let answers = futures_util::future::join_all(calls).await;
    let mut numbers: Vec<Value> = Vec::new();
    for answer in answers {
        match answer.status {
            200 => numbers.push(answer.json()["data"]["taskNo"].clone()),
            status => {
                assert_eq!((status, &answer.json()["code"]), (402, &json!(402)), "{}", answer.text());
                assert!(answer.json()["message"].as_str().is_some_and(|words| words.contains("积分不足")));
            }
        }
    }
    assert_eq!(numbers.len() as i64, affordable);
    for number in &numbers {
        let path = format!("/user/ai/tasks/{}/cancel", number.as_str().expect("a number"));
        // It may be drawn already: runners are about.
        let canceled = ann.call("POST", &path).send().await;
        assert!([200, 409].contains(&canceled.status), "{}", canceled.text());
    }
    numbers.sort_by_key(Value::to_string);
    numbers.dedup();
    assert_eq!(numbers.len() as i64, affordable, "numbers are unique");
}

#[tokio::test]
async fn watchers_see_the_words_of_this_api() {
    let ann = Edge::shared().sign_up("ann").await;
    let bob = Edge::shared().sign_up("bob").await;
    let mut news = Watch::of(&ann, "/user/notifications").await;
    let standing = news.next().await.expect("how one stands");
    let before = balance(&ann).await;
    let expected = json!({"type": "snapshot", "userId": ann.id, "balance": before, "running": 0, "seq": 0});
    assert_eq!(standing, expected);

    let order = order(&ann.edge).await;
    let number = submit(&ann, &order).await;
    let path = format!("/user/ai/tasks/{number}");
    assert_eq!(Watch::open(&ann.edge, &path, None).await.next().await, Err(4401));
    assert_eq!(Watch::of(&bob, &path).await.next().await, Err(4404));
    let (frames, code) = Watch::of(&ann, &path).await.rest().await;
    assert_eq!(code, 1000);
    let mut states: Vec<&str> = frames.iter().filter_map(|frame| frame["status"].as_str()).collect();
    states.dedup();
    assert!(["queued", "processing", "completed"].ends_with(&states), "{states:?}");
    let last = frames.last().expect("a frame");
    assert!(frames.iter().all(|frame| frame["taskNo"] == json!(number)));
    assert_eq!(*last, data(ann.get(&path).send().await));
    let url = last["resultUrl"].as_str().and_then(|url| url.strip_prefix(&ann.edge.url)).expect("our own link");
    assert_eq!(size_of(&ann.edge.get(url).send().await.expect(200).bytes), (64, 96));

    let (ended, _) = news.until(|frame| frame["type"] == "task").await;
    assert_eq!(
        (&ended["taskNo"], &ended["status"], &ended["resultUrl"]),
        (&json!(number), &json!("completed"), &last["resultUrl"])
    );
    assert_eq!(ended["balance"], json!(before - 30));

    // Who was away is told what they missed.
    let second = submit(&ann, &order).await;
    let (missed, _) = news.until(|frame| frame["taskNo"] == json!(second)).await;
    let since = format!("/user/notifications?since={}", ended["seq"]);
    assert_eq!(Watch::of(&ann, &since).await.next().await, Ok(missed));
}
