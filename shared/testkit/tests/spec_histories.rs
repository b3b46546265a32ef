//! The specifications of points and of a task's life keep their rules over random histories. A failure tells the seed;
//! `HISTORY=seed` runs that one again.

use std::collections::BTreeMap;
use std::thread;

use domain::task::Status;
use testkit::spec::world::{self, Event, World};

const HISTORIES: u64 = 100_000;
const STEPS: usize = 50;

/// How often something came about over the histories.
type Tally = BTreeMap<&'static str, u32>;

fn history(seed: u64, tally: &mut Tally) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut world = World::new(0);
    let mut events: Vec<Event> = Vec::new();
    for _ in 0..rng.usize(1..=STEPS) {
        let event = world.any(&mut rng);
        events.push(event.clone());
        match world.step(&event) {
            Ok(outcome) => *tally.entry(name(&outcome)).or_default() += 1,
            Err(why) => panic!("HISTORY={seed}: {why}, after {events:#?}"),
        }
    }
    for task in &world.tasks {
        let end = task.life.error.unwrap_or(task.life.status.name());
        *tally.entry(end).or_default() += 1;
        *tally.entry("tried again").or_default() += u32::from(task.life.attempt > 1);
    }
    let expired = world.ledger.grants.iter().filter(|g| g.expired).count();
    *tally.entry("expired").or_default() += expired as u32;
}

fn name(outcome: &world::Outcome) -> &'static str {
    use world::Outcome::*;
    match outcome {
        Done => "done",
        Refused => "refused",
        Stale => "stale",
        Claimed(..) => "claimed",
        NothingToClaim => "nothing to claim",
        Heard(true) => "told to stop",
        Heard(false) => "heard",
    }
}

#[test]
fn a_hundred_thousand_histories_keep_the_rules() {
    if let Some(seed) = std::env::var("HISTORY").ok().and_then(|seed| seed.parse().ok()) {
        return history(seed, &mut Tally::new());
    }
    let threads = thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let part = |first: u64| {
        let mut tally = Tally::new();
        (first..HISTORIES).step_by(threads as usize).for_each(|seed| history(seed, &mut tally));
        tally
    };
    let tallies: Vec<Tally> = thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|first| scope.spawn(move || part(first))).collect();
        running.into_iter().map(|t| t.join().unwrap_or_else(|cause| std::panic::resume_unwind(cause))).collect()
    });
    // Rules that nothing ever touched would be kept as well.
    let total = |what: &str| tallies.iter().filter_map(|t| t.get(what)).sum::<u32>();
    let all = ["refused", "stale", "claimed", "told to stop", "heard", "tried again", "expired"];
    let ends = [Status::Success.name(), "canceled", "timeout", "poison", world::FAILURE];
    for what in all.into_iter().chain(ends) {
        assert!(total(what) > 100, "{what}: only {} times", total(what));
    }
}
