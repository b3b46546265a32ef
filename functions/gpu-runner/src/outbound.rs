//! What all clients for calls to other machines have in common: TLS, proxies, the name they give themselves. Must not
//! know whom they call, nor what for.

use anyhow::Result;
use reqwest::{Certificate, Client, ClientBuilder, Url, redirect};

/// For calls to `base`. Redirects are not followed: they would carry bearers elsewhere.
pub fn client(base: &Url) -> Result<ClientBuilder> {
    // An error says that a provider is there already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS
        .iter()
        .map(|der| Certificate::from_der(der))
        .collect::<reqwest::Result<Vec<_>>>()?;
    let builder = Client::builder().redirect(redirect::Policy::none()).tls_certs_merge(roots).user_agent(concat!(
        env!("CARGO_PKG_NAME"),
        "/",
        env!("CARGO_PKG_VERSION")
    ));
    // What the environment says of proxies is not meant for the own machine.
    let local = matches!(base.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    Ok(if local { builder.no_proxy() } else { builder })
}

/// An error with what caused it: reqwest's own text says little.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
