//! Checks of the hub.

use domain::room::{Audience, Event, Frame, Join};

use super::{Check, expect};
use crate::{Hub, Upgraded};

fn event(seq: i64, end: bool) -> Event {
    let frame = |who: &str| Some(Frame::from_iter([("v1", format!("{who} {seq}")), ("v0", format!("old {seq}"))]));
    Event { seq, end, public: frame("public"), owner: frame("owner") }
}

/// The hub. `room` is a fresh name, `read` returns the whole text of an event stream, which ends by itself.
pub async fn hub<R>(hub: &dyn Hub, room: &str, read: impl Fn(Upgraded) -> R) -> Check
where
    R: Future<Output = Result<String, String>>,
{
    let fail = |e: crate::HubError| e.to_string();
    let join = |audience, rendering: &str, since, seq| Join {
        rendering: rendering.into(),
        since,
        event_stream: true,
        admit: Ok((audience, event(seq, true))),
    };
    hub.publish(room, &event(1, false)).await.map_err(fail)?;
    hub.publish(room, &event(2, false)).await.map_err(fail)?;
    hub.publish(room, &event(1, false)).await.map_err(fail)?;
    hub.publish(room, &event(3, true)).await.map_err(fail)?;
    let whole = hub.watch(room, &join(Audience::Owner, "v1", None, 3)).await.map_err(fail)?;
    let whole = read(whole).await?;
    expect(
        whole.contains("data: owner 3") && !whole.contains("owner 2"),
        "a watcher does not begin with the snapshot",
    )?;
    let resumed = hub.watch(room, &join(Audience::Public, "v1", Some(1), 3)).await.map_err(fail)?;
    let resumed = read(resumed).await?;
    let at = |text: &str| resumed.find(text);
    let ordered = at("data: public 2").zip(at("data: public 3")).is_some_and(|(two, three)| two < three);
    expect(ordered && !resumed.contains("public 1"), "resuming does not send what came after, in order and once")?;
    let old = hub.watch(room, &join(Audience::Owner, "v0", None, 3)).await.map_err(fail)?;
    let old = read(old).await?;
    expect(old.contains("data: old 3"), "a watcher does not get the rendering it asked for")?;
    hub.wake().await.map_err(fail)
}
