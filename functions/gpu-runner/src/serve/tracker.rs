//! What the drawing or training thread says of its progress, kept for the async side: only the newest counts. The other
//! way round, the word to stop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use protocol::runner::Phase;
use tokio::sync::Notify;

use crate::backend::{Control, Progress};

#[derive(Default)]
pub struct Tracker {
    state: Mutex<State>,
    changed: Notify,
    stopped: AtomicBool,
}

#[derive(Default)]
struct State {
    step: u32,
    steps: u32,
    /// When the first step began, and the steps done then: loading the model says nothing about the time left.
    began: Option<(Instant, u32)>,
    preview: Option<Bytes>,
    phase: Option<Phase>,
    loss: Option<f64>,
}

/// How far a job is, over all its pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    pub step: u32,
    pub steps: u32,
    /// 0 while nothing is known.
    pub eta_seconds: f64,
    /// A PNG that was not taken before.
    pub preview: Option<Bytes>,
    /// What is done before the first step.
    pub phase: Option<Phase>,
    /// Loss of the last step of a training.
    pub loss: Option<f64>,
}

impl Tracker {
    /// `steps` is what the job is expected to take, until the drawing says so itself.
    pub fn new(steps: u32) -> Self {
        Self { state: Mutex::new(State { steps, ..State::default() }), ..Self::default() }
    }

    /// What is done now, before the first step. That it is over is told with what comes next.
    pub fn phase(&self, phase: Option<Phase>) {
        let before = std::mem::replace(&mut self.state().phase, phase);
        if phase.is_some() && phase != before {
            self.changed.notify_one();
        }
    }

    /// Called by the drawing thread.
    pub fn note(&self, progress: Progress) -> Control {
        if self.is_stopped() {
            return Control::Cancel;
        }
        // A preview that can't be encoded is none.
        let preview = progress.preview.as_ref().and_then(|rgb| crate::png::encode(rgb, &[]).ok());
        let mut state = self.state();
        let step = (progress.picture * progress.steps + progress.step) as u32;
        state.step = step;
        state.steps = (progress.pictures * progress.steps) as u32;
        state.began.get_or_insert_with(|| (Instant::now(), step));
        state.phase = None;
        if let Some(preview) = preview {
            state.preview = Some(preview.into());
        }
        drop(state);
        self.changed.notify_one();
        Control::Continue
    }

    /// The step that a training goes on from, before it does.
    pub fn expect(&self, step: u32) {
        self.state().step = step;
    }

    /// Called by the training thread before its first step and after each.
    pub fn trained(&self, step: u32, steps: u32, loss: Option<f64>) {
        let mut state = self.state();
        (state.step, state.steps, state.loss, state.phase) = (step, steps, loss, None);
        state.began.get_or_insert_with(|| (Instant::now(), step));
        drop(state);
        self.changed.notify_one();
    }

    /// Shows a PNG with the next report.
    pub fn show(&self, png: Bytes) {
        self.state().preview = Some(png);
        self.changed.notify_one();
    }

    /// Waits until something was noted since the last time.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// The newest state, with the newest preview unless it was taken before.
    pub fn take(&self) -> Note {
        let mut state = self.state();
        let eta_seconds = match state.began {
            Some((began, first)) if state.step > first => {
                let left = f64::from(state.steps.saturating_sub(state.step));
                began.elapsed().as_secs_f64() / f64::from(state.step - first) * left
            }
            _ => 0.0,
        };
        let State { step, steps, phase, loss, .. } = *state;
        Note { step, steps, eta_seconds, preview: state.preview.take(), phase, loss }
    }

    /// The drawing or training ends with its next step.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
    }

    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Plain values: whoever panicked left them whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Rgb;

    fn progress(picture: usize, step: usize, preview: bool) -> Progress {
        let preview = preview.then(|| Rgb { width: 1, height: 1, bytes: vec![0; 3] });
        Progress { picture, pictures: 2, step, steps: 4, preview }
    }

    #[test]
    fn the_newest_counts_and_previews_are_taken_once() {
        let tracker = Tracker::new(9);
        let empty = Note { step: 0, steps: 9, eta_seconds: 0.0, preview: None, phase: None, loss: None };
        assert_eq!(tracker.take(), empty);
        for (picture, step, preview) in [(0, 0, false), (0, 2, true), (1, 1, false)] {
            assert_eq!(tracker.note(progress(picture, step, preview)), Control::Continue);
        }
        let note = tracker.take();
        assert_eq!((note.step, note.steps, note.preview.is_some()), (5, 8, true));
        assert!(note.eta_seconds > 0.0 && note.eta_seconds.is_finite());
        assert_eq!(tracker.take().preview, None);

        tracker.stop();
        assert_eq!(tracker.note(progress(1, 2, true)), Control::Cancel);
        assert_eq!(tracker.take().step, 5);
    }

    #[test]
    fn the_time_left_is_counted_from_the_step_that_was_resumed() {
        let tracker = Tracker::new(0);
        tracker.trained(90, 100, None);
        std::thread::sleep(std::time::Duration::from_millis(2));
        tracker.trained(95, 100, Some(0.25));
        let note = tracker.take();
        assert_eq!((note.step, note.steps, note.loss), (95, 100, Some(0.25)));
        // Five steps took as long as the five that are left; counted from 0 it would be a nineteenth of that.
        assert!(note.eta_seconds >= 0.002, "{}", note.eta_seconds);
    }

    #[tokio::test]
    async fn a_phase_is_told_once_and_over_with_the_first_step() {
        let tracker = Tracker::new(9);
        let changed = async || tokio::time::timeout(std::time::Duration::ZERO, tracker.changed()).await.is_ok();
        assert!(!changed().await);
        tracker.phase(Some(Phase::Fetching));
        assert!(changed().await);
        assert_eq!(tracker.take().phase, Some(Phase::Fetching));
        tracker.phase(Some(Phase::Fetching));
        assert!(!changed().await, "as before");
        tracker.phase(None);
        assert!(!changed().await && tracker.take().phase.is_none(), "something follows");
        tracker.phase(Some(Phase::Loading));
        assert!(changed().await && tracker.take().phase == Some(Phase::Loading));
        tracker.note(progress(0, 0, false));
        assert_eq!(tracker.take().phase, None);
    }
}
