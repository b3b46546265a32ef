use std::path::Path;

use gpu_runner::Code;
use gpu_runner::backend::Control;
use gpu_runner::tiny::Layout;
use gpu_runner::train::{Identity, Kind, Plan, State};

use crate::rig::{BOTH, Waves, plan, run, run_while, same};
use crate::support::model;

const STEPS: usize = 5;

fn planned() -> Plan {
    let mut plan = plan(Kind::Checkpoint(BOTH), STEPS);
    plan.course.average = Some(0.9);
    plan.course.save_every = 2;
    plan
}

pub fn state(dir: &Path, plan: &Plan) -> State {
    State::open(dir, Identity::of(plan, &Waves(5, 16), "tiny")).unwrap()
}

#[test]
fn stopped_anywhere_it_ends_the_same() {
    let (dir, kept) = (model(Layout::Sd15), tempfile::TempDir::new().unwrap());
    let plan = planned();
    let whole = run(&plan, dir.path(), None).unwrap();
    for stop in 1..STEPS {
        let place = kept.path().join(stop.to_string());
        let stopped = run_while(&plan, dir.path(), Some(&state(&place, &plan)), &mut |step| {
            if step == stop { Control::Cancel } else { Control::Continue }
        });
        assert_eq!(stopped.unwrap_err().code, Code::Canceled);
        let mut first = None;
        let resumed = run_while(&plan, dir.path(), Some(&state(&place, &plan)), &mut |step| {
            first.get_or_insert(step);
            Control::Continue
        });
        assert_eq!(first, Some(stop + 1));
        assert!(same(&whole, &resumed.unwrap()), "stopped after {stop}");
    }
}

#[test]
fn the_state_of_another_training_is_not_taken_up() {
    let (dir, kept) = (model(Layout::Sd15), tempfile::TempDir::new().unwrap());
    let plan = planned();
    let stop = &mut |_: usize| Control::Cancel;
    run_while(&plan, dir.path(), Some(&state(kept.path(), &plan)), stop).unwrap_err();
    let mut other = plan.clone();
    other.course.rate.peak = 0.5;
    let refuse = |identity, what: &str| {
        let state = State::open(kept.path(), identity).unwrap();
        let error = run(&plan, dir.path(), Some(&state)).unwrap_err();
        assert!(error.code == Code::StateMismatch && error.message.contains(what), "{error}");
    };
    refuse(Identity::of(&other, &Waves(5, 16), "tiny"), "another plan");
    refuse(Identity::of(&plan, &Waves(4, 16), "tiny"), "another examples");
    refuse(Identity::of(&plan, &Waves(5, 16), "other"), "another model");
    // How often it is saved is no part of it.
    other = plan.clone();
    other.course.save_every = 1;
    run(&plan, dir.path(), Some(&state(kept.path(), &other))).unwrap();
}

#[test]
fn damaged_states_are_refused_and_two_trainings_do_not_share_one() {
    let (dir, kept) = (model(Layout::Sd15), tempfile::TempDir::new().unwrap());
    let plan = planned();
    {
        let state = state(kept.path(), &plan);
        run_while(&plan, dir.path(), Some(&state), &mut |_| Control::Cancel).unwrap_err();
        let second = State::open(kept.path(), Identity::default()).err().unwrap();
        assert_eq!(second.code, Code::StateFailed);
    }
    let file = kept.path().join("state.safetensors");
    let whole = std::fs::read(&file).unwrap();
    for bytes in [&whole[..whole.len() / 2], &whole[..100], &[][..], &b"not a state at all"[..]] {
        std::fs::write(&file, bytes).unwrap();
        let error = run(&plan, dir.path(), Some(&state(kept.path(), &plan))).unwrap_err();
        assert_eq!(error.code, Code::StateMismatch, "{error}");
    }
}

#[test]
fn the_same_seed_gives_the_same_bits_and_another_others() {
    let dir = model(Layout::Sd2);
    let of = |seed| {
        let mut plan = plan(Kind::Checkpoint(BOTH), 2);
        plan.seed = seed;
        run(&plan, dir.path(), None).unwrap()
    };
    let once = of(1);
    assert!(same(&once, &of(1)) && !same(&once, &of(2)));
}

/// What can't be written is said before anything is learnt; what was kept before stays.
#[test]
fn a_place_that_can_not_be_written_is_named() {
    let dir = tempfile::TempDir::new().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let error = State::open(&file.join("state"), Identity::default()).err().unwrap();
    assert_eq!(error.code, Code::StateFailed);
    // A directory stands where the next state is to be written.
    let (tiny, plan) = (model(Layout::Sd15), planned());
    let kept = dir.path().join("kept");
    let state = state(&kept, &plan);
    let failed = run_while(&plan, tiny.path(), Some(&state), &mut |step| {
        if step == 3 {
            std::fs::create_dir(kept.join("state.safetensors.new")).unwrap();
        }
        Control::Continue
    });
    let error = failed.unwrap_err();
    assert!(error.code == Code::StateFailed && error.message.contains("is kept"), "{error}");
    drop(state);
    std::fs::remove_dir(kept.join("state.safetensors.new")).unwrap();
    let mut first = None;
    let resumed = run_while(&plan, tiny.path(), Some(&self::state(&kept, &plan)), &mut |step| {
        first.get_or_insert(step);
        Control::Continue
    });
    assert_eq!(first, Some(3), "from the state of step 2");
    assert!(same(&run(&plan, tiny.path(), None).unwrap(), &resumed.unwrap()));
}
