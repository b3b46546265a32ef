//! What one watcher is given of an event. It knows neither sockets nor streams.

use domain::Profile;
use domain::room::{Audience, Event, Room, close};

/// One event as one watcher gets it: a frame, an end, or a frame and then the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub seq: i64,
    pub text: Option<String>,
    pub close: Option<u16>,
}

/// Whoever has no frame of the object may no longer see it: for them it is as if it did not exist.
pub fn delivery(event: &Event, audience: Audience, profile: Profile) -> Delivery {
    let text = event.frame(audience).map(|frame| frame.text(profile).to_string());
    let close = match &text {
        None => Some(close::NOT_FOUND),
        Some(_) => event.end.then_some(close::DONE),
    };
    Delivery { seq: event.seq, text, close }
}

/// What a newcomer is given at once. Nothing follows a close.
pub fn welcome(
    room: &Room,
    (audience, snapshot): (Audience, &Event),
    since: Option<i64>,
    profile: Profile,
) -> Vec<Delivery> {
    let mut given = Vec::new();
    for event in room.join(snapshot, since) {
        let next = delivery(&event, audience, profile);
        let last = next.close.is_some();
        given.push(next);
        if last {
            return given;
        }
    }
    if snapshot.end || room.ended() {
        // They have seen the last frame already.
        given.push(Delivery { seq: snapshot.seq, text: None, close: Some(close::DONE) });
    }
    given
}

/// A delivery as a server-sent event; the id is what `Last-Event-ID` resumes from.
pub fn server_sent(delivery: &Delivery) -> Option<String> {
    let text = delivery.text.as_deref()?;
    Some(format!("id: {}\nevent: message\ndata: {text}\n\n", delivery.seq))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::room::Frame;

    fn event(seq: i64, end: bool, public: bool) -> Event {
        let frame = || Frame { v0: format!("v0 {seq}"), v1: format!("v1 {seq}"), points: None };
        Event { seq, end, public: public.then(frame), owner: Some(frame()) }
    }

    fn brief(given: &[Delivery]) -> Vec<(Option<&str>, Option<u16>)> {
        given.iter().map(|d| (d.text.as_deref(), d.close)).collect()
    }

    #[test]
    fn each_sees_their_own_frame() {
        let given = |audience, profile| delivery(&event(1, false, true), audience, profile);
        assert_eq!(given(Audience::Public, Profile::V0).text.as_deref(), Some("v0 1"));
        assert_eq!(given(Audience::Owner, Profile::V1).text.as_deref(), Some("v1 1"));
        let hidden = delivery(&event(2, true, false), Audience::Public, Profile::V1);
        assert_eq!((hidden.text, hidden.close), (None, Some(4404)));
        let last = delivery(&event(2, true, false), Audience::Owner, Profile::V1);
        assert_eq!((last.text.as_deref(), last.close), (Some("v1 2"), Some(1000)));
    }

    #[test]
    fn a_newcomer_is_brought_up_to_date() {
        let mut room = Room::default();
        (1..4).for_each(|seq| assert!(room.publish(event(seq, false, true))));
        let join = |room: &Room, seq, since| {
            let snapshot = event(seq, seq == 9, true);
            welcome(room, (Audience::Public, &snapshot), since, Profile::V1)
        };
        assert_eq!(brief(&join(&room, 2, None)), [(Some("v1 2"), None), (Some("v1 3"), None)]);
        assert_eq!(brief(&join(&room, 3, Some(3))), []);
        assert_eq!(brief(&join(&room, 9, Some(2))), [(Some("v1 9"), Some(1000))], "the room missed the end");
        assert!(room.publish(event(4, false, false)) && room.publish(event(5, true, true)));
        assert_eq!(brief(&join(&room, 3, Some(3))), [(None, Some(4404))], "hidden meanwhile, nothing after that");
    }

    #[test]
    fn who_has_seen_the_end_is_only_sent_away() {
        let mut room = Room::default();
        assert!(room.publish(event(5, true, true)));
        let snapshot = event(5, true, true);
        let given = welcome(&room, (Audience::Owner, &snapshot), Some(5), Profile::V1);
        assert_eq!(brief(&given), [(None, Some(1000))]);
        let forgotten = welcome(&Room::default(), (Audience::Owner, &snapshot), Some(5), Profile::V1);
        assert_eq!(brief(&forgotten), [(None, Some(1000))]);
    }

    #[test]
    fn server_sent_events_carry_their_seq() {
        let frame = delivery(&event(7, false, true), Audience::Owner, Profile::V1);
        assert_eq!(server_sent(&frame).as_deref(), Some("id: 7\nevent: message\ndata: v1 7\n\n"));
        assert_eq!(server_sent(&Delivery { seq: 1, text: None, close: Some(4404) }), None);
    }
}
