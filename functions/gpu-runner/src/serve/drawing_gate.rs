//! Drawing comes first: a training waits between its steps while an image is drawn. Shared by the threads of both.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// The number of drawings under way.
#[derive(Default)]
pub struct DrawingGate {
    drawings: Mutex<usize>,
    changed: Condvar,
}

/// A drawing under way; it ends when this is dropped.
pub struct Drawing(Arc<DrawingGate>);

impl DrawingGate {
    /// Begins a drawing.
    pub fn enter(self: &Arc<Self>) -> Drawing {
        *self.lock() += 1;
        Drawing(self.clone())
    }

    /// Blocks the calling thread until no drawing is under way, or until `given_up` is true at a `wake`.
    pub fn wait(&self, given_up: impl Fn() -> bool) {
        let waiting = self.changed.wait_while(self.lock(), |drawings| *drawings > 0 && !given_up());
        drop(waiting.unwrap_or_else(PoisonError::into_inner));
    }

    /// Has those who wait look at `given_up` again.
    pub fn wake(&self) {
        // With the lock nobody is between the look and the wait.
        let _looked = self.lock();
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, usize> {
        self.drawings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Drawing {
    fn drop(&mut self) {
        *self.0.lock() -= 1;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_training_waits_for_every_drawing_or_until_it_is_given_up() {
        let (gate, given_up) = (Arc::new(DrawingGate::default()), Arc::new(AtomicBool::new(false)));
        let (sender, passed) = mpsc::channel();
        let wait = || {
            let (gate, given_up, sender) = (gate.clone(), given_up.clone(), sender.clone());
            thread::spawn(move || {
                gate.wait(|| given_up.load(Ordering::SeqCst));
                sender.send(()).unwrap();
            })
        };
        wait();
        passed.recv_timeout(Duration::from_secs(30)).unwrap();
        let (first, second) = (gate.enter(), gate.enter());
        wait();
        drop(first);
        assert!(passed.recv_timeout(Duration::from_millis(20)).is_err());
        drop(second);
        passed.recv_timeout(Duration::from_secs(30)).unwrap();
        let _third = gate.enter();
        wait();
        given_up.store(true, Ordering::SeqCst);
        gate.wake();
        passed.recv_timeout(Duration::from_secs(30)).unwrap();
    }
}
