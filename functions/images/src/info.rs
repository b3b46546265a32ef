//! `POST /api/images/png-info`: how a picture was made, as its file says. Nothing is stored, and nobody has to be signed in.

use domain::{Error, Profile};
use serde_json::{Map, Value, json};
use web::axum::extract::{FromRequest, Request};
use web::{Ctx, Raw, Reply, Result, multipart};

use crate::parameters::fields;
use crate::png;

/// Bytes of the file, form around it included.
const LIMIT: usize = 20 << 20;

pub async fn read(ctx: Ctx, request: Request) -> Result {
    let body = Raw::<LIMIT>::from_request(request, &()).await?;
    let file = multipart::file(&body.content_type, &body.bytes)?;
    Ok(Reply::Item(info(file, ctx.profile())?.to_string()))
}

/// What our own pictures say in JSON comes before what everybody's say in words.
fn info(file: &[u8], profile: Profile) -> std::result::Result<Value, Error> {
    let png::Told { width, height, parameters, generation } = png::read(file)?;
    let generation = generation.and_then(|json| serde_json::from_str::<Map<String, Value>>(&json).ok());
    let generation = generation.or_else(|| parameters.as_deref().and_then(fields));
    let generation = generation.map(|fields| -> Map<String, Value> {
        fields.into_iter().map(|(name, value)| (profile.key(&name), value)).collect()
    });
    Ok(json!({"width": width, "height": height, "parameters": parameters, "generation": generation}))
}
