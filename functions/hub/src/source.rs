//! The rows of a room: where this crate can read them, a watched room reads them again from time to time. So it shows
//! what it missed, what changed without a frame (the points of a user, a server that fell silent), and the end of an
//! object that went with another (the images of a deleted user).

use domain::Millis;
use domain::room::Event;
use ports::Rows;
use store::articles::ARTICLES;
use store::choices::CHOICES;
use store::datasets::DATASETS;
use store::images::IMAGES;
use store::redeem::CODES;
use store::servers::SERVERS;
use store::users::USERS;
use store::webhooks::WEBHOOKS;
use store::{Spec, StmtIndex, Tx, args, models, tasks, watch, webhooks};

/// The resources whose rows are read whole.
static ROWS: [&Spec; 9] =
    [&USERS, &IMAGES, &CHOICES, &ARTICLES, &DATASETS, &models::FRAMES, &SERVERS, &WEBHOOKS, &CODES];

/// Resources of other functions, whose columns are not known here, and their tables.
const TABLES: [(&str, &str); 4] =
    [("tags", "tags"), ("keys", "keys"), ("uploads", "uploads"), ("points-config", "points_config")];

/// The rows of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A task.
    Task(i64),
    /// The ends of a user's tasks.
    Notifications(i64),
    /// A row of the resource of this name in `ROWS`.
    Row(&'static str, i64),
    /// A row of this table. Only its end is seen.
    Existence(&'static str, i64),
    /// A session, by the number that its id is in hexadecimal digits. Only its end is seen.
    Session(u128),
}

impl Source {
    /// The source of the room of this name.
    pub fn of(room: &str) -> Option<Source> {
        let (name, id) = room.split_once('/')?;
        if name == "sessions" && domain::id::is_token(id) {
            return u128::from_str_radix(id, 16).ok().map(Source::Session);
        }
        let id = domain::id::parse(id)?;
        match name {
            "tasks" => return Some(Source::Task(id)),
            "notifications" => return Some(Source::Notifications(id)),
            _ => {}
        }
        let row = ROWS.iter().find(|spec| spec.name == name).map(|spec| Source::Row(spec.name, id));
        let table = || TABLES.iter().find(|(known, _)| *known == name).map(|(_, table)| Source::Existence(table, id));
        row.or_else(table)
    }

    /// Milliseconds without an event after which a watched room reads its rows again, in case it missed some. A running
    /// task is never quiet for long; others may well be.
    pub fn reread_ms(self) -> i64 {
        match self {
            Source::Task(_) => 5_000,
            Source::Notifications(_) | Source::Row(..) => 30_000,
            Source::Existence(..) | Source::Session(_) => 60_000,
        }
    }

    /// Queries the rows.
    pub fn query(self, tx: &mut Tx) -> StmtIndex {
        match self {
            Source::Task(id) => tx.change(&tasks::FRAMES, id),
            Source::Notifications(user) => webhooks::ended_lately(tx, user),
            Source::Row(name, id) => tx.change(spec(name), id),
            Source::Existence(table, id) => tx.exec(format!("SELECT id FROM {table} WHERE id = :id"), args! { id }),
            Source::Session(id) => tx.exec(
                "SELECT id FROM sessions WHERE id = :id AND expires_at > :now",
                args! { id: format!("{id:032x}") },
            ),
        }
    }

    /// The events in the rows of `query`, in order. The room drops those it has passed on before.
    pub fn events(self, rows: &Rows, now: Millis) -> Vec<Event> {
        match self {
            Source::Task(_) => vec![watch::event(&tasks::FRAMES, rows, now.0)],
            Source::Notifications(_) => webhooks::events_of(rows).into_iter().map(|(_, event)| event).collect(),
            Source::Row(name, _) => vec![watch::event(spec(name), rows, now.0)],
            Source::Existence(..) | Source::Session(_) if rows.is_empty() => vec![watch::gone(now.0)],
            Source::Existence(..) | Source::Session(_) => Vec::new(),
        }
    }
}

/// The resource of a `Source::Row`, which `Source::of` found in `ROWS`.
fn spec(name: &str) -> &'static Spec {
    ROWS.iter().find(|spec| spec.name == name).unwrap_or(&&IMAGES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::room::Audience;
    use testkit::Kit;

    async fn events(kit: &Kit, room: &str) -> Vec<Event> {
        let source = Source::of(room).unwrap();
        let mut tx = Tx::system(&kit.runtime());
        let rows = source.query(&mut tx);
        let outcome = tx.run().await.unwrap();
        source.events(outcome.rows(rows), kit.now())
    }

    #[test]
    fn rooms_know_their_rows() {
        assert_eq!(Source::of("tasks/12"), Some(Source::Task(12)));
        assert_eq!(Source::of("notifications/7"), Some(Source::Notifications(7)));
        for spec in ROWS {
            assert_eq!(Source::of(&format!("{}/7", spec.name)), Some(Source::Row(spec.name, 7)));
            assert_eq!(super::spec(spec.name).name, spec.name);
        }
        assert_eq!(Source::of("datasets/7"), Some(Source::Row("datasets", 7)));
        assert_eq!(Source::of("points-config/7"), Some(Source::Existence("points_config", 7)));
        for other in ["sessions/12", "nothing/12", "tasks/", "tasks/x", "tasks/0", "tasks/1/2", "12", "", "images"] {
            assert_eq!(Source::of(other), None, "{other}");
        }
    }

    #[tokio::test]
    async fn every_row_can_be_read_and_a_missing_one_is_gone() {
        let kit = Kit::without_function();
        let names = ROWS.iter().map(|spec| spec.name).chain(TABLES.map(|(name, _)| name)).chain(["tasks"]);
        for name in names {
            let events = events(&kit, &format!("{name}/999")).await;
            assert!(matches!(events.as_slice(), [gone] if gone.end && gone.owner.is_none()), "{name}: {events:?}");
        }
        assert!(events(&kit, "points-config/1").await.is_empty(), "it exists");
    }

    #[tokio::test]
    async fn a_session_is_gone_when_it_has_ended() {
        let kit = Kit::without_function();
        let ann = kit.user("ann").await;
        let room = format!("sessions/{}", ann.session_id);
        assert!(events(&kit, &room).await.is_empty());
        kit.wait(31 * 24 * 60 * 60 * 1000);
        assert!(events(&kit, &room).await.remove(0).end);
    }

    #[tokio::test]
    async fn the_images_of_a_deleted_user_are_gone() {
        let kit = Kit::without_function();
        let ann = kit.user("ann").await;
        let room = format!("images/{}", kit.image(ann.id, true).await);
        let before = events(&kit, &room).await.remove(0);
        assert!(before.frame(Audience::Public).is_some() && !before.end);
        kit.sql("DELETE FROM users WHERE id = ?1", [ann.id.into()]).await;
        let gone = events(&kit, &room).await.remove(0);
        assert!(gone.end && gone.frame(Audience::Public).is_none() && gone.seq > before.seq);
    }

    #[tokio::test]
    async fn points_and_silence_are_later_events_though_the_row_is_the_same() {
        let kit = Kit::without_function();
        let ann = kit.user("ann").await;
        kit.sql(
            "INSERT INTO servers (name, type, status, ip, last_seen, created_at, updated_at) \
             VALUES ('gpu', 'inference', 'idle', '', ?1, ?1, ?1)",
            [kit.now().0.into()],
        )
        .await;
        let shown = async |room: &str| {
            let event = events(&kit, room).await.remove(0);
            (event.seq, event.frame(Audience::Owner).unwrap().text("v1").unwrap().to_string())
        };
        let (user, server) = (format!("users/{}", ann.id), "servers/1");
        let before = (shown(&user).await, shown(server).await);
        assert!(before.0.1.contains("\"points\":100000") && before.1.1.contains("閒置"), "{before:?}");
        kit.grant(ann.id, 5).await;
        kit.wait(60_000);
        let after = (shown(&user).await, shown(server).await);
        assert!(after.0.1.contains("\"points\":100005") && after.1.1.contains("異常"), "{after:?}");
        assert!(after.0.0 > before.0.0 && after.1.0 > before.1.0, "a room drops what is not later");
        kit.sql("UPDATE servers SET last_seen = ?1, updated_at = ?1", [kit.now().0.into()]).await;
        let back = shown(server).await;
        assert!(back.1.contains("閒置") && back.0 > after.1.0, "{back:?}");
    }
}
