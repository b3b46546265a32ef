//! Waiting for what can be observed, never for time to pass.

use std::future::Future;
use std::time::{Duration, Instant};

/// The longest anything may take before a test says that it does not happen.
pub const PATIENCE: Duration = Duration::from_secs(90);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// Looks again and again until there is something to see.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(Instant::now() < deadline, "in {} s it did not happen: {what}", PATIENCE.as_secs());
        tokio::time::sleep(LOOK).await;
    }
}
