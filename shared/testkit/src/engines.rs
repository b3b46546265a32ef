//! Test doubles of engines: a database that counts its round trips, random bytes from a counter, background work that
//! waits, a hub that records, and a key-value store that can be down.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use domain::room::{Event, Join};
use edge::native::NativeSql;
use futures_util::future::BoxFuture;
use ports::{Background, Hub, HubError, Kv, KvError, Rng, Rows, Source, Sql, SqlError, Stmt, Upgraded};

/// Counts round trips.
pub(crate) struct CountingSql {
    pub(crate) inner: NativeSql,
    batches: AtomicUsize,
}

impl CountingSql {
    pub(crate) fn new(inner: NativeSql) -> CountingSql {
        CountingSql { inner, batches: AtomicUsize::new(0) }
    }

    /// Round trips since the last call.
    pub(crate) fn take(&self) -> usize {
        self.batches.swap(0, Ordering::SeqCst)
    }
}

#[async_trait]
impl Sql for CountingSql {
    async fn run(&self, batch: Vec<Stmt>) -> Result<Vec<Rows>, SqlError> {
        self.batches.fetch_add(1, Ordering::SeqCst);
        self.inner.run(batch).await
    }
}

/// Counts up instead of being random.
pub(crate) struct CounterRng(AtomicU64);

impl Default for CounterRng {
    fn default() -> CounterRng {
        CounterRng(AtomicU64::new(1))
    }
}

impl Rng for CounterRng {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let n = self.0.fetch_add(1, Ordering::SeqCst).to_be_bytes();
            let length = chunk.len();
            chunk.copy_from_slice(&n[8 - length..]);
        }
    }
}

/// Keeps background work until it is taken.
#[derive(Default)]
pub(crate) struct DeferredBackground(Mutex<Vec<BoxFuture<'static, ()>>>);

impl DeferredBackground {
    pub(crate) fn take(&self) -> Vec<BoxFuture<'static, ()>> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Background for DeferredBackground {
    fn spawn(&self, work: BoxFuture<'static, ()>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(work);
    }
}

/// Records what is published.
#[derive(Default)]
pub(crate) struct RecordingHub(Mutex<Vec<(String, Event)>>);

impl RecordingHub {
    pub(crate) fn take(&self) -> Vec<(String, Event)> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Hub for RecordingHub {
    async fn publish(&self, room: &str, event: &Event) -> Result<(), HubError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((room.to_string(), event.clone()));
        Ok(())
    }

    /// Returns the request itself, for `Reply::join`: natively there are no sockets.
    async fn watch(&self, _: &str, join: &Join) -> Result<Upgraded, HubError> {
        Ok(Upgraded::new(join.clone()))
    }

    async fn wake(&self) -> Result<(), HubError> {
        Ok(())
    }
}

/// A key-value store in memory that counts its reads and can be down.
#[derive(Default)]
pub struct TestKv {
    entries: Mutex<HashMap<String, String>>,
    reads: AtomicUsize,
    is_down: AtomicBool,
}

impl TestKv {
    pub(crate) fn with(entries: impl IntoIterator<Item = (String, String)>) -> TestKv {
        TestKv { entries: Mutex::new(entries.into_iter().collect()), ..TestKv::default() }
    }

    /// Makes every call fail, or work again.
    pub fn set_down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::SeqCst);
    }

    /// Reads since the last call.
    pub fn reads(&self) -> usize {
        self.reads.swap(0, Ordering::SeqCst)
    }

    /// The value of a key as it is stored, uncounted, also while the store is down.
    pub fn stored(&self, key: &str) -> Option<String> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    fn entries<T>(&self, act: impl FnOnce(&mut HashMap<String, String>) -> T) -> Result<T, KvError> {
        if self.is_down.load(Ordering::SeqCst) {
            return Err(KvError(Source::new("the key-value store is down")));
        }
        Ok(act(&mut self.entries.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

#[async_trait]
impl Kv for TestKv {
    async fn get(&self, key: &str) -> Result<Option<String>, KvError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.entries(|entries| entries.get(key).cloned())
    }

    async fn put(&self, key: &str, value: &str) -> Result<(), KvError> {
        self.entries(|entries| drop(entries.insert(key.to_string(), value.to_string())))
    }

    async fn delete(&self, key: &str) -> Result<(), KvError> {
        self.entries(|entries| drop(entries.remove(key)))
    }
}
