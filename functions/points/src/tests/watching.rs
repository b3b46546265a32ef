//! Sockets: who is let in, what they see first, and what they are told after.

use domain::Profile;
use domain::room::{Audience, Event};
use edge::native::{Account, Call, Kit};
use serde_json::{Value, json};

use super::{kit, read, submit};

const NOTIFICATIONS: &str = "/user/notifications";

fn frame(event: &Event) -> Value {
    assert!(event.public.is_none(), "nobody else sees it");
    serde_json::from_str(event.owner.as_ref().unwrap().text(Profile::Points)).unwrap()
}

/// What a socket shows first, or the code it is closed with.
async fn watch(call: Call<'_>) -> Result<Value, u16> {
    let join = call.header("upgrade", "websocket").send().await.join.unwrap();
    assert_eq!(join.profile, Profile::Points);
    join.admit.map(|(audience, event)| {
        assert_eq!(audience, Audience::Owner);
        frame(&event)
    })
}

/// The frames of a room since the last time this was asked.
async fn told(kit: &Kit, room: &str) -> Vec<Value> {
    kit.told().await.iter().filter(|(name, _)| name == room).map(|(_, event)| frame(event)).collect()
}

async fn cancel(kit: &Kit, by: &Account, number: &str) {
    let call = kit.call("POST", &format!("/user/ai/tasks/{number}/cancel"));
    assert_eq!(call.by(by).send().await.status, 200);
}

#[tokio::test]
async fn a_task_is_watched_by_its_number_and_by_its_owner_alone() {
    let kit = kit();
    let (ann, bob, root) = (kit.user("ann").await, kit.user("bob").await, kit.admin("root").await);
    let number = submit(&kit, &ann).await;
    let path = format!("/user/ai/tasks/{number}");
    assert_eq!(watch(kit.get(&path).by(&ann)).await, Ok(read(&kit, &ann, &number).await));
    assert_eq!(watch(kit.get(&path)).await, Err(4401));
    assert_eq!(watch(kit.get(&path).bearer("x.y.z")).await, Err(4401));
    assert_eq!(watch(kit.get(&format!("{path}?ticket=x"))).await, Err(4401));
    for who in [&bob, &root] {
        assert_eq!(watch(kit.get(&path).by(who)).await, Err(4404));
    }
    for never in ["1", "TASK-20261120080000000-9999", "%ED%A0%80"] {
        assert_eq!(watch(kit.get(&format!("/user/ai/tasks/{never}")).by(&ann)).await, Err(4404), "{never}");
    }
    kit.batches();
    watch(kit.get(&path).by(&ann)).await.unwrap();
    assert_eq!(kit.batches(), 1);
}

#[tokio::test]
async fn every_change_is_told_as_it_is_read() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let number = submit(&kit, &ann).await;
    kit.told().await;
    kit.wait(170_000);
    store::sweep::round(&kit.cx()).await.unwrap();
    let task = read(&kit, &ann, &number).await;
    assert_eq!((&task["status"], &task["seq"]), (&json!("failed"), &json!(2)));
    assert_eq!(told(&kit, "tasks/1").await, [task]);
}

#[tokio::test]
async fn tasks_of_the_drawing_api_keep_their_own_words() {
    let kit = kit();
    let ann = kit.user("ann").await;
    submit(&kit, &ann).await;
    kit.sql("UPDATE tasks SET task_no = NULL", []).await;
    kit.told().await;
    kit.wait(170_000);
    store::sweep::round(&kit.cx()).await.unwrap();
    let told = kit.told().await;
    let (_, event) = told.iter().find(|(room, _)| room == "tasks/1").unwrap();
    assert_eq!(event.owner.as_ref().unwrap().points, None);
}

#[tokio::test]
async fn notifications_begin_with_how_one_stands_and_tell_of_every_end() {
    let kit = kit();
    let (ann, bob) = (kit.user("ann").await, kit.user("bob").await);
    let standing = |balance: i64, running: i64, seq: i64| json!({"type": "snapshot", "userId": ann.id, "balance": balance, "running": running, "seq": seq});
    assert_eq!(watch(kit.get(NOTIFICATIONS).by(&ann)).await, Ok(standing(100_000, 0, 0)));
    let (first, second) = (submit(&kit, &ann).await, submit(&kit, &ann).await);
    submit(&kit, &bob).await;
    assert_eq!(watch(kit.get(NOTIFICATIONS).by(&ann)).await, Ok(standing(99_940, 2, 0)));
    assert_eq!(watch(kit.get(NOTIFICATIONS)).await, Err(4401));
    kit.told().await;

    cancel(&kit, &ann, &first).await;
    let room = format!("notifications/{}", ann.id);
    let canceled = json!({"type": "task", "taskNo": first, "taskId": 1, "status": "failed", "resultUrl": null,
        "errorMessage": "任务已取消，积分已退还", "balance": 99_970, "seq": 1});
    assert_eq!(told(&kit, &room).await, [canceled]);
    assert_eq!(watch(kit.get(NOTIFICATIONS).by(&ann)).await, Ok(standing(99_970, 1, 1)));

    kit.wait(10_000);
    let images = json!({"images": [{"id": 1, "url": "/files/out/2/1/a.png"}]});
    kit.sql(
        "UPDATE tasks SET status = 'success', finished_at = ?1, origin = 'https://easel.example', data = ?2 WHERE id = 2",
        [kit.now().0.into(), images.to_string().into()],
    )
    .await;
    let cx = kit.cx();
    let scope = store::Scope { me: 0, now: kit.now(), profile: Profile::V1 };
    let news = cx.ports.sql.run(vec![store::webhooks::ended(scope, "?3", [2.into()])]).await.unwrap();
    let (to, event) = store::webhooks::told(&news[0]).pop().unwrap();
    let completed = json!({"type": "task", "taskNo": second, "taskId": 2, "status": "completed",
        "resultUrl": "https://easel.example/files/out/2/1/a.png", "errorMessage": null, "balance": 99_970, "seq": 2});
    assert_eq!((to, frame(&event), event.end), (room, completed, false));
    let read = kit.get(NOTIFICATIONS).by(&ann).send().await.json();
    assert_eq!(read["data"], standing(99_970, 0, 2));
}
