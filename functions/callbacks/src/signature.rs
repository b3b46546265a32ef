//! The signature of a callback: Standard Webhooks headers, checked against the secret of the runner's registration.

use domain::messages::{INVALID_SIGNATURE, MALFORMED_JSON};
use domain::{Error, Id};
use protocol::runner::{LeaseRef, RUNNER_HEADER, parse_runner_id, secret_purpose};
use protocol::webhook::{TOLERANCE, derive};
use serde::de::DeserializeOwned;
use store::{Tx, tasks};
use web::RequestCtx;

/// The shortest `RUNNER_KEY` in bytes: with an empty key anyone could sign.
const SHORTEST_KEY: usize = 32;

/// A registration of a runner. The transaction confirms that it is the current one.
#[derive(Clone, Copy)]
pub struct Runner {
    pub server_id: Id,
    pub epoch: i64,
}

impl Runner {
    /// The runner that signed the body; `expected` accepts the webhook id of this callback.
    ///
    /// # Errors
    ///
    /// `invalid_signature`, whatever is wrong.
    pub fn verify(ctx: &RequestCtx, body: &[u8], expected: impl Fn(&str) -> bool) -> Result<Runner, Error> {
        let refused = || INVALID_SIGNATURE.error();
        let (server_id, epoch) = parse_runner_id(ctx.header(RUNNER_HEADER)).ok_or_else(refused)?;
        let id = ctx.header("webhook-id");
        let timestamp: i64 = ctx.header("webhook-timestamp").parse().map_err(|_| refused())?;
        let fresh = (ctx.runtime.now.seconds().saturating_sub(timestamp)).saturating_abs() <= TOLERANCE;
        let key = ctx.runtime.config.runner_key.as_bytes();
        if key.len() < SHORTEST_KEY || !fresh || !expected(id) {
            return Err(refused());
        }
        let secret = derive(key, &secret_purpose(server_id, epoch));
        let genuine = secret.verify(id, timestamp, body, ctx.header("webhook-signature"));
        genuine.then_some(Runner { server_id, epoch }).ok_or_else(refused)
    }

    /// Begins a transaction that confirms the registration.
    pub fn begin(self, ctx: &RequestCtx) -> Tx {
        let mut tx = ctx.anonymous();
        tasks::require_registration(&mut tx, self.server_id, self.epoch);
        tx
    }

    /// Begins a transaction that confirms the registration, and that the runner holds this lease.
    pub fn begin_leased(self, ctx: &RequestCtx, lease: &LeaseRef) -> Tx {
        let mut tx = self.begin(ctx);
        tasks::require_lease(&mut tx, self.server_id, lease.task_id, lease.attempt, &lease.lease);
        tx
    }
}

/// The body of a callback.
///
/// # Errors
///
/// `malformed_json` for a body that no runner of ours made.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|e| MALFORMED_JSON.error().cause(e))
}
