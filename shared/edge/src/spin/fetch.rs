//! Spin's outbound HTTP. The manifest lists the hosts it lets through. Private networks must be blocked in the host's
//! runtime configuration: only the host knows the address of a name.

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use ports::{Fetch, FetchError, FetchRequest, FetchResponse, Source};
use send_wrapper::SendWrapper;
use spin_sdk::http::conversions::TryIntoOutgoingRequest;
use spin_sdk::http::{IncomingResponse, Method, Request};
use spin_sdk::wit::wasi::http0_2_0::outgoing_handler::{RequestOptions, handle};
use spin_sdk::wit::wasi::http0_2_0::types::ErrorCode;

pub struct SpinFetch;

#[async_trait]
impl Fetch for SpinFetch {
    async fn send(&self, request: FetchRequest) -> Result<FetchResponse, FetchError> {
        SendWrapper::new(call(request)).await
    }
}

async fn call(request: FetchRequest) -> Result<FetchResponse, FetchError> {
    let limit = request.max_bytes;
    let response = open(request).await?;
    let text = |value: Vec<u8>| String::from_utf8_lossy(&value).into_owned();
    let headers = response.headers().entries().into_iter().map(|(name, value)| (name.to_lowercase(), text(value)));
    let (status, headers) = (response.status(), headers.collect());
    let mut chunks = Box::pin(response.take_body_stream());
    let mut body = BytesMut::new();
    while body.len() <= limit {
        match chunks.next().await {
            Some(Ok(chunk)) => body.extend_from_slice(&chunk),
            Some(Err(error)) => return Err(FetchError::Failed(Source::new(format!("broken off: {error:?}")))),
            None => break,
        }
    }
    let body: Bytes = body.freeze();
    Ok(FetchResponse { status, headers, complete: body.len() <= limit, body: body.slice(..body.len().min(limit)) })
}

/// Sends and waits for the head of the response. An instance serves one request, so it may wait without yielding.
async fn open(request: FetchRequest) -> Result<IncomingResponse, FetchError> {
    let failed = |what: &str| FetchError::Failed(Source::new(what));
    let mut builder = Request::builder();
    builder.method(if request.method == "POST" { Method::Post } else { Method::Get }).uri(&request.url);
    for (name, value) in &request.headers {
        builder.header(*name, value.as_str());
    }
    let outgoing = Request::try_into_outgoing_request(builder.body(request.body.to_vec()).build());
    let (outgoing, body) = outgoing.map_err(|_| failed("not a request"))?;
    let options = RequestOptions::new();
    let nanoseconds = Some(u64::from(request.timeout_ms) * 1_000_000);
    for set in [
        options.set_connect_timeout(nanoseconds),
        options.set_first_byte_timeout(nanoseconds),
        options.set_between_bytes_timeout(nanoseconds),
    ] {
        set.map_err(|()| failed("the host knows no timeouts"))?;
    }
    let mut sink = outgoing.take_body();
    let response = handle(outgoing, Some(options)).map_err(refused)?;
    sink.send(body.unwrap_or_default())
        .await
        .map_err(|e| FetchError::Failed(Source::new(format!("broken off: {e:?}"))))?;
    drop(sink);
    response.subscribe().block();
    let answer = response.get().and_then(Result::ok).ok_or_else(|| failed("no response"))?;
    answer.map_err(refused)
}

fn refused(code: ErrorCode) -> FetchError {
    match code {
        ErrorCode::ConnectionTimeout | ErrorCode::ConnectionReadTimeout | ErrorCode::HttpResponseTimeout => {
            FetchError::TimedOut
        }
        other => FetchError::Failed(Source::new(format!("{other:?}"))),
    }
}
