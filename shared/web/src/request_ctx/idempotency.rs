//! The `Idempotency-Key` header.

use domain::Error;
use domain::messages::INVALID_IDEMPOTENCY_KEY;
use store::Tx;
use store::idempotency::IdempotencyKey;

use super::RequestCtx;

impl RequestCtx {
    /// Binds the transaction to the request's `Idempotency-Key`, if it has one: see `Tx::once`.
    pub fn once(&self, tx: &mut Tx, body_hash: &str) -> Result<(), Error> {
        if !self.head.headers.contains_key("idempotency-key") {
            return Ok(());
        }
        let key = self.header("idempotency-key");
        if key.is_empty() || key.len() > 255 || !key.bytes().all(|b| b.is_ascii_graphic() || b == b' ') {
            return Err(INVALID_IDEMPOTENCY_KEY.on("Idempotency-Key"));
        }
        tx.once(IdempotencyKey {
            route: format!("{} {} {}", self.head.method, self.path(), self.style.rendering),
            key: key.to_string(),
            body_hash: body_hash.to_string(),
            location: format!("{}/", self.path()),
        });
        Ok(())
    }
}
