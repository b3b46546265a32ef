//! A task as its owner sees it, from submission to its end; nobody else sees it.

use serde_json::{Value, json};
use testkit::Kit;

use super::{balance, data, kit, read, refused, send, submit};

/// Changes the tables as a runner's claim and report do.
async fn run(kit: &Kit) {
    kit.sql("UPDATE tasks SET status = 'running', progress = 40, lease = 'x', lease_until = 9e15, seq = seq + 1", [])
        .await;
}

async fn end(kit: &Kit, status: &str, error: Option<&str>) {
    let now = kit.now().0;
    kit.sql(
        "UPDATE tasks SET status = ?1, error_code = ?2, progress = iif(?1 = 'success', 100, 0), lease = NULL, \
         lease_until = NULL, finished_at = ?3, seq = seq + 1 WHERE finished_at IS NULL",
        [status.into(), error.map(str::to_string).into(), now.into()],
    )
    .await;
}

async fn image(kit: &Kit, index: i64) -> String {
    let key = format!("out/1/1/{:032x}.png", index + 1);
    kit.sql(
        "INSERT INTO images (name, key, width, height, size, sha256, prompt, num_inference_steps, guidance_scale, \
         scheduler, seed, public, user_id, task_id, task_index, created_at, updated_at) \
         SELECT name, ?1, 64, 64, 1, '', '', 1, 1.0, 'DDIM', 1, 0, user_id, id, ?2, 0, 0 FROM tasks",
        [key.as_str().into(), index.into()],
    )
    .await;
    format!("https://easel.example/files/{key}")
}

#[tokio::test]
async fn a_task_from_queued_to_completed() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let body = json!({"modelName": "sc_soraimg_text_1x1", "prompt": "一个可爱的橘猫在窗台上晒太阳，温馨的室内场景"});
    let answer = data(&kit.post("https://easel.example/user/ai/tasks/submit", body).by(&ann).send().await);
    let number = answer["taskNo"].as_str().unwrap();
    let expected = |more: Value| {
        let mut task = json!({
            "taskNo": number, "modelName": "sc_soraimg_text_1x1", "status": "queued", "taskType": "text_to_image",
            "progress": 0, "promptSnippet": "一个可爱的橘猫在窗台上晒太阳，温馨的室内...", "imageUrl": null, "resultUrl": null,
            "resultUrls": [], "createTime": "2026-11-20T08:00:00", "completeTime": null, "errorMessage": null,
            "points": 30, "seq": 1,
        });
        more.as_object().unwrap().iter().for_each(|(name, value)| task[name] = value.clone());
        task
    };
    assert_eq!(read(&kit, &ann, number).await, expected(json!({})));
    run(&kit).await;
    let running = expected(json!({"status": "processing", "progress": 40, "seq": 2}));
    assert_eq!(read(&kit, &ann, number).await, running);
    kit.wait(27_999);
    let urls = [image(&kit, 0).await, image(&kit, 1).await];
    end(&kit, "success", None).await;
    let completed = expected(json!({
        "status": "completed", "progress": 100, "resultUrl": urls[0], "resultUrls": urls,
        "completeTime": "2026-11-20T08:00:27", "seq": 3,
    }));
    assert_eq!(read(&kit, &ann, number).await, completed);
    let listed = data(&kit.get("/user/ai/tasks/list").by(&ann).send().await);
    assert_eq!(listed, json!({"records": [completed], "total": 1, "size": 20, "current": 1, "pages": 1}));
    assert_eq!(balance(&kit, &ann).await, 100_000 - 30, "captured");
}

#[tokio::test]
async fn a_failed_task_says_why_and_returns_its_points_once() {
    for (code, words) in [
        ("canceled", "任务已取消"),
        ("timeout", "任务超时"),
        ("poison", "生成失败"),
        ("image_unreachable", "参考图无法访问"),
        ("invalid_image", "参考图不是"),
    ] {
        let kit = kit();
        let ann = kit.user("ann").await;
        let number = submit(&kit, &ann).await;
        run(&kit).await;
        assert_eq!(balance(&kit, &ann).await, 100_000 - 30);
        end(&kit, "error", Some(code)).await;
        let task = read(&kit, &ann, &number).await;
        assert_eq!((&task["status"], &task["resultUrl"]), (&json!("failed"), &Value::Null), "{code}");
        let said = task["errorMessage"].as_str().unwrap();
        assert!(said.starts_with(words) && said.ends_with("积分已退还"), "{said}");
        assert_eq!(balance(&kit, &ann).await, 100_000, "{code}");
        assert_eq!(kit.number("SELECT count(*) FROM entries WHERE kind = 'void'").await, 1);
    }
}

#[tokio::test]
async fn a_task_past_its_deadline_fails_and_returns_its_points() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let number = submit(&kit, &ann).await;
    kit.wait(169_999);
    store::sweep::round(&kit.runtime()).await.unwrap();
    assert_eq!(read(&kit, &ann, &number).await["status"], "queued");
    kit.wait(1);
    for _ in 0..2 {
        store::sweep::round(&kit.runtime()).await.unwrap();
    }
    let task = read(&kit, &ann, &number).await;
    assert_eq!((&task["status"], &task["errorMessage"]), (&json!("failed"), &json!("任务超时，积分已退还")));
    assert_eq!(task["completeTime"], "2026-11-20T08:02:50");
    assert_eq!(balance(&kit, &ann).await, 100_000);
}

#[tokio::test]
async fn a_queued_task_is_canceled_at_once_and_only_once() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let number = submit(&kit, &ann).await;
    let path = format!("/user/ai/tasks/{number}/cancel");
    let task = data(&kit.call("POST", &path).by(&ann).send().await);
    assert_eq!((&task["status"], &task["errorMessage"]), (&json!("failed"), &json!("任务已取消，积分已退还")));
    assert_eq!(refused(&kit.call("POST", &path).by(&ann).send().await), "409 task_ended");
    assert_eq!(balance(&kit, &ann).await, 100_000);
    let published = kit.published().await;
    let (_, event) = published.iter().find(|(room, _)| room == "tasks/1").unwrap();
    let frame: Value = serde_json::from_str(event.owner.as_ref().unwrap().text("points").unwrap()).unwrap();
    assert!(event.end && event.public.is_none());
    assert_eq!(frame, task, "its watchers see what reading gives");

    let number = submit(&kit, &ann).await;
    kit.sql("UPDATE tasks SET status = 'running', lease = 'x', lease_until = 9e15 WHERE id = 2", []).await;
    let task = data(&kit.call("POST", &format!("/user/ai/tasks/{number}/cancel")).by(&ann).send().await);
    assert_eq!(task["status"], "processing");
    assert_eq!(kit.number("SELECT cancel_requested FROM tasks WHERE id = 2").await, 1);
}

#[tokio::test]
async fn only_its_owner_sees_a_task() {
    let kit = kit();
    let (ann, bob, root) = (kit.user("ann").await, kit.user("bob").await, kit.admin("root").await);
    let number = submit(&kit, &ann).await;
    let never = kit.get("/user/ai/tasks/TASK-20261120080000000-9999").by(&bob).send().await;
    assert_eq!(refused(&never), "404 not_found");
    let huge = "9".repeat(5000);
    for name in [number.as_str(), "1", "TASK-1", "%ED%A0%80", "%00", "..%2F..%2Fx", huge.as_str()] {
        for who in [&bob, &root] {
            let path = format!("/user/ai/tasks/{name}");
            assert_eq!(kit.get(&path).by(who).send().await.bytes, never.bytes, "{name}");
            assert_eq!(kit.call("POST", &format!("{path}/cancel")).by(who).send().await.bytes, never.bytes, "{name}");
        }
    }
    for who in [&bob, &root] {
        assert_eq!(data(&kit.get("/user/ai/tasks/list").by(who).send().await)["total"], 0);
    }
    assert_eq!(kit.number("SELECT count(*) FROM tasks WHERE finished_at IS NULL").await, 1);
}

#[tokio::test]
async fn tasks_of_the_drawing_api_are_not_listed() {
    let kit = kit();
    let ann = kit.user("ann").await;
    submit(&kit, &ann).await;
    kit.sql("UPDATE tasks SET task_no = NULL", []).await;
    assert_eq!(data(&kit.get("/user/ai/tasks/list").by(&ann).send().await)["total"], 0);
    assert_eq!(kit.get("/user/ai/tasks/1").by(&ann).send().await.status, 404);
}

#[tokio::test]
async fn lists_are_paged_filtered_and_newest_first() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let mut numbers = Vec::new();
    for n in 0..5 {
        kit.wait(1000);
        let (model, image) = match n % 2 {
            0 => ("sc_soraimg_text_1x1", json!(null)),
            _ => ("sc_soraimg_img2img_1x1", json!("https://example.com/a.png")),
        };
        let answer = send(&kit, &ann, json!({"modelName": model, "prompt": "a", "imageUrl": image})).await;
        numbers.push(data(&answer)["taskNo"].clone());
    }
    numbers.reverse();
    kit.sql("UPDATE tasks SET status = 'error', error_code = 'x', finished_at = 5 WHERE id = 2", []).await;
    let list = async |query: &str| {
        let page = data(&kit.get(&format!("/user/ai/tasks/list?{query}")).by(&ann).send().await);
        let records: Vec<Value> = page["records"].as_array().unwrap().iter().map(|r| r["taskNo"].clone()).collect();
        let numbers = ["total", "size", "current", "pages"].map(|name| page[name].as_i64().unwrap());
        (records, numbers)
    };
    assert_eq!(list("").await, (numbers.clone(), [5, 20, 1, 1]));
    assert_eq!(list("page=2&size=2").await, (numbers[2..4].to_vec(), [5, 2, 2, 3]));
    assert_eq!(list("page=3&size=2").await, (numbers[4..].to_vec(), [5, 2, 3, 3]));
    assert_eq!(list("page=4&size=2").await, (vec![], [5, 2, 4, 3]));
    assert_eq!(list("taskType=image_to_image&size=100").await.1, [2, 100, 1, 1]);
    assert_eq!(list("status=failed").await, (numbers[3..4].to_vec(), [1, 20, 1, 1]));
    assert_eq!(list("status=queued&taskType=text_to_image").await.1[0], 3);
    assert_eq!(list("status=completed").await, (vec![], [0, 20, 1, 0]));
    for (query, name) in [
        ("page=0", "page"),
        ("page=x", "page"),
        ("size=101", "size"),
        ("size=-1", "size"),
        ("taskType=video", "taskType"),
        ("status=done", "status"),
        ("status=success", "status"),
    ] {
        let reply = kit.get(&format!("/user/ai/tasks/list?{query}")).by(&ann).send().await;
        assert_eq!(refused(&reply), format!("400 invalid_parameter:{name}"), "{query}");
    }
}
