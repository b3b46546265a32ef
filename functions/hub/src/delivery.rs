//! The messages that watchers get of an event. Which renderings there are is known to the events alone; sockets and
//! streams are not known here.

use domain::room::{Audience, Event, Room, close};

/// The rendering for watchers who ask for one that the object does not have.
const DEFAULT_RENDERING: &str = "v1";

/// One message to a watcher: a frame, a close, or a frame and then the close.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Of the event.
    pub seq: i64,
    /// The frame.
    pub text: Option<String>,
    /// The close code.
    pub close: Option<u16>,
}

/// The name of an audience, which is a tag of its sockets.
pub fn audience_tag(audience: Audience) -> &'static str {
    match audience {
        Audience::Public => "public",
        Audience::Owner => "owner",
    }
}

/// The tag of the sockets with this rendering: `owner/v1`.
pub fn rendering_tag(audience: Audience, rendering: &str) -> String {
    format!("{}/{rendering}", audience_tag(audience))
}

/// The rendering that a watcher is served: the one asked for, if the snapshot has it.
pub fn served_rendering<'a>(asked: &'a str, audience: Audience, snapshot: &Event) -> &'a str {
    let has_it = snapshot.frame(audience).is_some_and(|frame| frame.text(asked).is_some());
    if has_it { asked } else { DEFAULT_RENDERING }
}

/// The message of an event to one watcher; None when the event lacks their rendering and is not the end. For an
/// audience without a frame the object no longer exists.
pub fn delivery(event: &Event, audience: Audience, rendering: &str) -> Option<Delivery> {
    let frame = event.frame(audience);
    let text = frame.and_then(|frame| frame.text(rendering)).map(str::to_string);
    let close = match frame {
        None => Some(close::NOT_FOUND),
        Some(_) => event.end.then_some(close::DONE),
    };
    (text.is_some() || close.is_some()).then_some(Delivery { seq: event.seq, text, close })
}

/// The messages of an event to all sockets of an audience, each with the tag of the sockets that get it. A socket may
/// have the tags of two messages; the first closes it.
pub fn broadcast(event: &Event, audience: Audience) -> Vec<(String, Delivery)> {
    let Some(frame) = event.frame(audience) else {
        let closed = Delivery { seq: event.seq, text: None, close: Some(close::NOT_FOUND) };
        return vec![(audience_tag(audience).to_string(), closed)];
    };
    let close = event.end.then_some(close::DONE);
    let frames = frame.renderings().map(|(rendering, text)| {
        let delivery = Delivery { seq: event.seq, text: Some(text.to_string()), close };
        (rendering_tag(audience, rendering), delivery)
    });
    // The end closes also the sockets whose rendering this frame lacks.
    let end = close.map(|_| (audience_tag(audience).to_string(), Delivery { seq: event.seq, text: None, close }));
    frames.chain(end).collect()
}

/// The first messages to a new watcher; none follows a close.
pub fn welcome(
    room: &Room,
    audience: Audience,
    snapshot: &Event,
    since: Option<i64>,
    rendering: &str,
) -> Vec<Delivery> {
    let mut messages = Vec::new();
    for event in room.join(snapshot, since) {
        let Some(message) = delivery(&event, audience, rendering) else { continue };
        let is_last = message.close.is_some();
        messages.push(message);
        if is_last {
            return messages;
        }
    }
    if snapshot.end || room.ended() {
        // They have seen the last frame already.
        messages.push(Delivery { seq: snapshot.seq, text: None, close: Some(close::DONE) });
    }
    messages
}

/// A message as a server-sent event, whose id is what `Last-Event-ID` resumes from; None without a frame.
pub fn server_sent(delivery: &Delivery) -> Option<String> {
    let text = delivery.text.as_deref()?;
    Some(format!("id: {}\nevent: message\ndata: {text}\n\n", delivery.seq))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::room::Frame;

    fn frame(seq: i64, renderings: &[&str]) -> Frame {
        renderings.iter().map(|name| (*name, format!("{name} {seq}"))).collect()
    }

    fn event(seq: i64, end: bool, public: bool) -> Event {
        let frame = || frame(seq, &["v0", "v1"]);
        Event { seq, end, public: public.then(frame), owner: Some(frame()) }
    }

    fn brief(messages: &[Delivery]) -> Vec<(Option<&str>, Option<u16>)> {
        messages.iter().map(|d| (d.text.as_deref(), d.close)).collect()
    }

    fn sent(event: &Event, audience: Audience) -> Vec<(String, Option<String>, Option<u16>)> {
        broadcast(event, audience).into_iter().map(|(tag, d)| (tag, d.text, d.close)).collect()
    }

    #[test]
    fn each_watcher_gets_the_frame_of_their_audience_and_rendering() {
        let to = |audience, rendering| delivery(&event(1, false, true), audience, rendering).unwrap();
        assert_eq!(to(Audience::Public, "v0").text.as_deref(), Some("v0 1"));
        assert_eq!(to(Audience::Owner, "v1").text.as_deref(), Some("v1 1"));
        let hidden = delivery(&event(2, true, false), Audience::Public, "v1").unwrap();
        assert_eq!((hidden.text, hidden.close), (None, Some(4404)));
        let last = delivery(&event(2, true, false), Audience::Owner, "v1").unwrap();
        assert_eq!((last.text.as_deref(), last.close), (Some("v1 2"), Some(1000)));
    }

    #[test]
    fn an_event_without_the_rendering_is_skipped_unless_it_is_the_end() {
        assert_eq!(delivery(&event(1, false, true), Audience::Owner, "points"), None);
        let last = delivery(&event(1, true, true), Audience::Owner, "points").unwrap();
        assert_eq!((last.text, last.close), (None, Some(1000)));
    }

    #[test]
    fn a_broadcast_has_a_message_for_each_rendering_of_the_frame() {
        let points = Event { owner: Some(frame(3, &["v1", "points"])), ..event(3, false, true) };
        let text = |text: &str| Some(text.to_string());
        assert_eq!(
            sent(&points, Audience::Owner),
            [("owner/points".into(), text("points 3"), None), ("owner/v1".into(), text("v1 3"), None)]
        );
        assert_eq!(
            sent(&points, Audience::Public),
            [("public/v0".into(), text("v0 3"), None), ("public/v1".into(), text("v1 3"), None)]
        );
    }

    #[test]
    fn the_end_and_a_missing_frame_close_all_sockets_of_the_audience() {
        let ended = sent(&event(4, true, false), Audience::Owner);
        assert_eq!(ended.iter().map(|(tag, ..)| tag.as_str()).collect::<Vec<_>>(), ["owner/v0", "owner/v1", "owner"]);
        assert!(ended.iter().all(|(.., close)| *close == Some(1000)));
        assert_eq!(ended.iter().map(|(_, text, _)| text.is_some()).collect::<Vec<_>>(), [true, true, false]);
        assert_eq!(sent(&event(4, false, false), Audience::Public), [("public".into(), None, Some(4404))]);
    }

    #[test]
    fn an_unknown_rendering_is_served_as_v1() {
        let snapshot = Event { owner: Some(frame(1, &["v1", "points"])), ..event(1, false, true) };
        for (asked, audience, served) in [
            ("points", Audience::Owner, "points"),
            ("points", Audience::Public, "v1"),
            ("v0", Audience::Owner, "v1"),
            ("v0", Audience::Public, "v0"),
            ("", Audience::Owner, "v1"),
        ] {
            assert_eq!(served_rendering(asked, audience, &snapshot), served, "{asked} {audience:?}");
        }
    }

    #[test]
    fn a_newcomer_is_brought_up_to_date() {
        let mut room = Room::default();
        (1..4).for_each(|seq| assert!(room.publish(event(seq, false, true))));
        let join = |room: &Room, seq, since| welcome(room, Audience::Public, &event(seq, seq == 9, true), since, "v1");
        assert_eq!(brief(&join(&room, 2, None)), [(Some("v1 2"), None), (Some("v1 3"), None)]);
        assert_eq!(brief(&join(&room, 3, Some(3))), []);
        assert_eq!(brief(&join(&room, 9, Some(2))), [(Some("v1 9"), Some(1000))], "the room missed the end");
        let other = welcome(&room, Audience::Public, &event(3, false, true), Some(1), "points");
        assert_eq!(brief(&other), [], "events without the rendering");
        assert!(room.publish(event(4, false, false)) && room.publish(event(5, true, true)));
        assert_eq!(brief(&join(&room, 3, Some(3))), [(None, Some(4404))], "hidden meanwhile, nothing after that");
    }

    #[test]
    fn a_watcher_who_has_seen_the_last_frame_is_closed() {
        let mut room = Room::default();
        assert!(room.publish(event(5, true, true)));
        let snapshot = event(5, true, true);
        for room in [room, Room::default()] {
            let messages = welcome(&room, Audience::Owner, &snapshot, Some(5), "v1");
            assert_eq!(brief(&messages), [(None, Some(1000))]);
        }
    }

    #[test]
    fn server_sent_events_carry_their_seq() {
        let message = delivery(&event(7, false, true), Audience::Owner, "v1").unwrap();
        assert_eq!(server_sent(&message).as_deref(), Some("id: 7\nevent: message\ndata: v1 7\n\n"));
        assert_eq!(server_sent(&Delivery { seq: 1, text: None, close: Some(4404) }), None);
    }
}
