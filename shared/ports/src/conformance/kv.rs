//! Checks of the key-value store.

use super::{Check, expect};
use crate::Kv;

/// The key-value store.
pub async fn kv(kv: &dyn Kv) -> Check {
    let fail = |e: crate::KvError| e.to_string();
    expect(kv.get("conformance/absent").await.map_err(fail)?.is_none(), "an absent key has a value")?;
    kv.put("conformance/鍵", "值").await.map_err(fail)?;
    expect(kv.get("conformance/鍵").await.map_err(fail)?.as_deref() == Some("值"), "a value does not survive")?;
    kv.delete("conformance/鍵").await.map_err(fail)?;
    kv.delete("conformance/鍵").await.map_err(fail)
}
