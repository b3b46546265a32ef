//! Where users have their webhooks sent: it keeps what came under each id, and is not always well itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use crate::receiver::{Received, Receiver};

/// One in so many deliveries is refused.
const REFUSED: u32 = 10;

/// Bodies by id.
pub type Bodies = BTreeMap<String, BTreeSet<String>>;

pub struct Inbox {
    receiver: Receiver,
    kept: Arc<Mutex<(Bodies, fastrand::Rng)>>,
}

impl Inbox {
    pub async fn start(seed: u64) -> Inbox {
        let kept = Arc::new(Mutex::new((Bodies::new(), fastrand::Rng::with_seed(seed))));
        let keep = kept.clone();
        let answer = move |came: &Received| {
            let (bodies, rng) = &mut *keep.lock().unwrap_or_else(PoisonError::into_inner);
            let id = came.headers.get("webhook-id").cloned().unwrap_or_default();
            bodies.entry(id).or_default().insert(came.body.clone());
            let status = if rng.u32(0..REFUSED) == 0 { 503 } else { 204 };
            (status, ("x-inbox", String::new()), Vec::new())
        };
        Inbox { receiver: Receiver::start(answer).await, kept }
    }

    /// `host:port`
    pub fn address(&self) -> String {
        self.receiver.allowed()
    }

    pub fn bodies(&self) -> Bodies {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }
}
