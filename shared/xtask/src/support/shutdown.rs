//! The user's request to stop, shared between threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

/// Time between two looks at the flag.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// A flag that is set once, for example by Ctrl-C. Clones share it.
#[derive(Clone, Default)]
pub struct ShutdownSignal(Arc<AtomicBool>);

impl ShutdownSignal {
    /// A flag that SIGINT, SIGTERM and SIGHUP set.
    ///
    /// From this call on, these signals no longer end the process: the caller must check the flag.
    pub fn on_signals() -> Result<Self> {
        let shutdown = Self::default();
        let flag = shutdown.clone();
        ctrlc::set_handler(move || flag.set())?;
        Ok(shutdown)
    }

    pub fn set(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Waits until the flag is set, at most for `timeout`. Returns whether it is set.
    pub fn wait(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        while !self.is_set() && Instant::now() < deadline {
            thread::sleep(POLL_INTERVAL);
        }
        self.is_set()
    }
}
