//! Whose callback it is: Standard Webhooks headers, checked against the secret of the runner's registration.

use domain::messages::INVALID_SIGNATURE;
use domain::runner::{RUNNER_HEADER, parse_runner_id, secret_purpose};
use domain::webhook::{TOLERANCE, derive};
use domain::{Error, Id};
use serde::de::DeserializeOwned;
use store::{Batch, Scope, tasks};
use web::Ctx;

/// A registration of a runner. That it is the current one is confirmed by the batch.
#[derive(Clone, Copy)]
pub struct Runner {
    pub server_id: Id,
    pub epoch: i64,
}

impl Runner {
    /// The runner whose signature over the body fits; `expected` says what the webhook id must be, or begin with.
    pub fn verify(ctx: &Ctx, body: &[u8], expected: impl Fn(&str) -> bool) -> Result<Runner, Error> {
        let refused = || INVALID_SIGNATURE.error();
        let (server_id, epoch) = parse_runner_id(ctx.header(RUNNER_HEADER)).ok_or_else(refused)?;
        let id = ctx.header("webhook-id");
        let timestamp: i64 = ctx.header("webhook-timestamp").parse().map_err(|_| refused())?;
        let fresh = (ctx.cx.now.seconds().saturating_sub(timestamp)).saturating_abs() <= TOLERANCE;
        let key = ctx.cx.config.runner_key.as_bytes();
        // An empty key would let anyone sign.
        if key.len() < 32 || !fresh || !expected(id) {
            return Err(refused());
        }
        let secret = derive(key, &secret_purpose(server_id, epoch));
        let genuine = secret.verify(id, timestamp, body, ctx.header("webhook-signature"));
        genuine.then_some(Runner { server_id, epoch }).ok_or_else(refused)
    }

    /// A batch that confirms the registration.
    pub fn batch(self, ctx: &Ctx) -> (Scope, Batch) {
        let scope = ctx.scope_of(0);
        let mut batch = Batch::new();
        batch.push(tasks::runner_guard(scope, self.server_id, self.epoch));
        batch.meaning("unauthenticated", &INVALID_SIGNATURE);
        (scope, batch)
    }
}

/// The body of a callback. What does not parse was not made by a runner of ours.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|e| domain::messages::MALFORMED_JSON.error().cause(e))
}
