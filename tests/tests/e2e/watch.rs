//! Who may watch, tickets, resuming, and the same frames as server-sent events.

use serde_json::{Value, json};
use tests::{Account, Edge, Stream, Watch};

async fn ticket(ann: &Account) -> String {
    let made = ann.call("POST", "/api/tickets").send().await.expect(201).json();
    made["ticket"].as_str().expect("a ticket").to_owned()
}

/// A task that has ended, and where it is watched.
async fn ended(ann: &Account) -> String {
    let path = format!("/api/tasks/{}", ann.submit(&json!({})).await);
    let (_, code) = Watch::of(ann, &path).await.rest().await;
    assert_eq!(code, 1000);
    path
}

#[tokio::test]
async fn strangers_and_the_anonymous_are_sent_away() {
    let edge = Edge::shared();
    let (ann, bob, admin) = (edge.sign_up("ann").await, edge.sign_up("bob").await, edge.admin().await);
    let path = ended(&ann).await;
    assert_eq!(Watch::open(&edge, &path, None).await.next().await, Err(4401));
    assert_eq!(Watch::open(&edge, &path, Some("x.y.z")).await.next().await, Err(4401));
    assert_eq!(Watch::of(&bob, &path).await.next().await, Err(4404));
    assert_eq!(Watch::of(&ann, "/api/tasks/9007199254740991").await.next().await, Err(4404));
    assert_eq!(Watch::of(&admin, &path).await.rest().await.1, 1000);

    let events = format!("{path}/events");
    edge.get(&events).send().await.refused(401, "unauthenticated");
    bob.get(&events).send().await.refused(404, "not_found");
}

#[tokio::test]
async fn a_ticket_opens_once() {
    let edge = Edge::shared();
    let ann = edge.sign_up("ann").await;
    let path = ended(&ann).await;
    let (once, again) = (format!("{path}?ticket={}", ticket(&ann).await), format!("{path}?ticket=0123456789abcdef"));
    assert_eq!(Watch::open(&edge, &once, None).await.rest().await.1, 1000);
    assert_eq!(Watch::open(&edge, &once, None).await.next().await, Err(4401));
    assert_eq!(Watch::open(&edge, &again, None).await.next().await, Err(4401));
    let stream = format!("{path}/events?ticket={}", ticket(&ann).await);
    assert_eq!(Stream::open(edge.get(&stream)).await.rest().await.len(), 1);
    edge.get(&stream).send().await.refused(401, "unauthenticated");

    let unused = format!("{path}?ticket={}", ticket(&ann).await);
    ann.delete(&format!("/api/sessions/{}", ann.session["id"].as_str().expect("an id"))).send().await.expect(204);
    assert_eq!(Watch::open(&edge, &unused, None).await.next().await, Err(4401), "the log-out ends it too");
}

/// Frames of a socket that resumes, and of an event stream, are those a socket saw that was there all the time.
#[tokio::test]
async fn sockets_that_resume_and_event_streams_get_the_same_frames() {
    let ann = Edge::shared().sign_up("ann").await;
    let path = format!("/api/tasks/{}", ann.submit(&json!({"num_inference_steps": 40})).await);
    let (stream, watch) = (Stream::open(ann.get(&format!("{path}/events"))).await, Watch::of(&ann, &path).await);
    let (events, (frames, code)) = tokio::join!(stream.rest(), watch.rest());
    assert_eq!(code, 1000);
    let seqs: Vec<i64> = frames.iter().filter_map(|frame| frame["seq"].as_i64()).collect();
    assert!(seqs.is_sorted_by(|a, b| a < b) && seqs.len() >= 3, "{seqs:?}");
    // They joined one after the other, so one may have begun with a later snapshot.
    let from = seqs[0].max(events[0].1["seq"].as_i64().expect("a seq"));
    let after =
        |frames: &[Value]| frames.iter().filter(|f| f["seq"].as_i64() > Some(from)).cloned().collect::<Vec<_>>();
    let streamed: Vec<Value> = events.iter().map(|(_, frame)| frame.clone()).collect();
    assert_eq!(after(&streamed), after(&frames));
    assert!(events.iter().all(|(id, frame)| id.parse().ok() == frame["seq"].as_i64()));

    // The room still knows what came after any of them.
    let since = seqs[seqs.len() / 2];
    let expected: Vec<&Value> = frames.iter().filter(|frame| frame["seq"].as_i64() > Some(since)).collect();
    let (resumed, code) = Watch::of(&ann, &format!("{path}?since={since}")).await.rest().await;
    assert_eq!((resumed.iter().collect::<Vec<_>>(), code), (expected.clone(), 1000));
    let stream = ann.get(&format!("{path}/events")).header("last-event-id", &since.to_string());
    let resumed = Stream::open(stream).await.rest().await;
    assert_eq!(resumed.iter().map(|(_, frame)| frame).collect::<Vec<_>>(), expected);
}

/// Nobody says that the picture is gone: its room reads the row again.
#[tokio::test]
async fn what_goes_with_its_user_ends_its_watches() {
    let edge = Edge::shared();
    let ann = edge.sign_up("ann").await;
    let image = crate::images::drawn(&ann, &json!({})).await;
    let choice = ann.make("/api/choices", &json!({"name": "a", "public": true})).await;
    let mut picture = Watch::open(&edge, &format!("/api/images/{}", image["id"]), None).await;
    let mut curated = Watch::open(&edge, &format!("/api/choices/{choice}"), None).await;
    picture.next().await.expect("a snapshot");
    curated.next().await.expect("a snapshot");
    ann.delete(&format!("/api/users/{}", ann.id)).send().await.expect(204);
    assert_eq!((picture.next().await, curated.next().await), (Err(4404), Err(4404)));
}
