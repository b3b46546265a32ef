//! The database against the specifications: random histories happen to both, by the very statements the functions use,
//! and after each event they must agree about every task, point and hold. A failure tells the seed; `HISTORY=seed` runs
//! that one again.

mod broken;
mod invariants;
mod observed;
mod real;

use std::thread;

use real::Real;
use testkit::spec::world::{self, Event, World};

const HISTORIES: u64 = 600;
const STEPS: usize = 60;

fn history(seed: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let mut rng = fastrand::Rng::with_seed(seed);
        let real = Real::new().await;
        let mut world = World::new(real.now());
        let mut events: Vec<Event> = Vec::new();
        for _ in 0..STEPS {
            let event = world.any(&mut rng);
            events.push(event.clone());
            let ought = world.step(&event).unwrap_or_else(|why| panic!("HISTORY={seed}: {why}, after {events:#?}"));
            let was = real.step(&world, &event).await;
            assert_eq!(was, ought, "HISTORY={seed}: after {events:#?}");
            let (is, ought) = (observed::in_database(&real).await, observed::in_world(&world));
            assert!(is == ought, "HISTORY={seed}: {}, after {events:#?}", observed::difference(&is, &ought));
        }
        // Things the specifications do not speak of: sweeps, and users that go.
        real.step(&world, &Event::Sweep).await;
        invariants::check(&real, &format!("HISTORY={seed}")).await;
        real.remove_user(rng.i64(1..=world::USERS)).await;
        invariants::check(&real, &format!("HISTORY={seed}, a user gone")).await;
    });
}

#[test]
fn the_database_does_what_the_specifications_say() {
    if let Some(seed) = std::env::var("HISTORY").ok().and_then(|seed| seed.parse().ok()) {
        return history(seed);
    }
    let threads = thread::available_parallelism().map_or(1, |n| n.get() as u64);
    thread::scope(|scope| {
        for first in 0..threads {
            scope.spawn(move || (first..HISTORIES).step_by(threads as usize).for_each(history));
        }
    });
}
