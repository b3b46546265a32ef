//! Decides which addresses of users' choosing the edge calls: webhooks, and images to start from. Whoever names an
//! address must not reach through the edge what only the edge can reach (server-side request forgery).
//!
//! An address is judged as the parser of the WHATWG URL standard reads it, by the rules of `fetch`. `check` returns
//! it as that parser writes it, and that is what is called. Spellings that other readers take otherwise are refused.
//!
//! Only the text of an address is judged here. A public name whose DNS answers with a private address passes, so the
//! network below must refuse those: Cloudflare's does; whoever hosts elsewhere keeps private ranges out of the
//! component's allowed hosts. Every hop of a redirect is an address of its own and is judged again.

use std::net::{Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::{Error, phrases};

/// The longest address we take, in bytes.
pub const MAX_LENGTH: usize = 2048;

/// Redirects that are followed before giving up.
pub const MAX_REDIRECTS: usize = 3;

/// Why an address is not called; for the log and the delivery log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Not a plain http or https address.
    Malformed,
    /// A name or address that is not of the public internet.
    Private,
    /// Neither 80, 443 nor from 1024 on.
    Port,
}

impl Refusal {
    /// In words.
    pub fn text(self) -> &'static str {
        match self {
            Refusal::Malformed => "not a plain http or https address",
            Refusal::Private => "not an address of the public internet",
            Refusal::Port => "a port we do not call",
        }
    }
}

/// Judges an address and returns it as it is to be called: normalised by the WHATWG URL parser. `exempt` lists each
/// `host:port` that is called wherever it is: the setting `FETCH_ALLOW`, for one's own machine and for tests.
pub fn check(url: &str, exempt: &[String]) -> Result<Url, Refusal> {
    let url = parse(url).ok_or(Refusal::Malformed)?;
    let (host, port) = url.host().zip(url.port_or_known_default()).ok_or(Refusal::Malformed)?;
    let named = format!("{}:{port}", url.host_str().unwrap_or_default());
    if exempt.iter().any(|each| each.eq_ignore_ascii_case(&named)) {
        return Ok(url);
    }
    let public = match host {
        Host::Ipv4(address) => is_public_v4(address),
        Host::Ipv6(address) => is_public_v6(address),
        Host::Domain(name) => is_public_name(name)?,
    };
    match (public, port) {
        (false, _) => Err(Refusal::Private),
        (true, 80 | 443 | 1024..) => Ok(url),
        (true, _) => Err(Refusal::Port),
    }
}

/// Judges the address in a field of a request. What calls it later asks `check` again.
pub fn admit(url: &str, exempt: &[String], field: &'static str) -> Result<(), Error> {
    check(url, exempt).map(drop).map_err(|refusal| Error::invalid(field, &phrases::PUBLIC_URL).cause(refusal.text()))
}

/// Resolves the `Location` of a redirect from `base`; the result is to be checked like any other address. None for an
/// empty one, and for a spelling that `check` refuses too.
pub fn follow(base: &Url, location: &str) -> Option<Url> {
    if location.is_empty() || !is_visible(location) {
        return None;
    }
    if location.starts_with("//") {
        return parse(&[base.scheme(), ":", location].concat());
    }
    let has_scheme = location.split(['/', '?', '#']).next().is_some_and(|first| first.contains(':'));
    if has_scheme { parse(location) } else { base.join(location).ok() }
}

/// Reports whether a text has only characters that every reader of URLs takes for what they are: visible ASCII, and
/// no backslash, which some take for a slash. The parser would strip or replace the others.
fn is_visible(text: &str) -> bool {
    text.len() <= MAX_LENGTH && text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
}

/// Parses an address that names host and port as plainly as the parser would write them, but for upper case, the
/// notation of IPv6 and a standard port. None for a user, percent signs and other notations of IPv4.
fn parse(written: &str) -> Option<Url> {
    let (scheme, rest) = written.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let fetched = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b);
    if !fetched || !is_visible(written) || authority.is_empty() || !authority.bytes().all(plain) {
        return None;
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !authority.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let url = Url::parse(written).ok()?;
    let same_host = match url.host()? {
        Host::Ipv6(address) => in_brackets(host)?.parse() == Ok(address),
        Host::Domain(_) | Host::Ipv4(_) => host.eq_ignore_ascii_case(url.host_str()?),
    };
    let known = url.port_or_known_default().filter(|port| *port > 0)?;
    (same_host && port.is_none_or(|port| port == known.to_string())).then_some(url)
}

fn in_brackets(host: &str) -> Option<&str> {
    host.strip_prefix('[')?.strip_suffix(']')
}

/// Reports whether a name has a dot and is under a public top-level domain. A trailing dot is malformed: it would be
/// another spelling.
fn is_public_name(host: &str) -> Result<bool, Refusal> {
    let label = |l: &str| (1..=63).contains(&l.len()) && !l.starts_with('-') && !l.ends_with('-');
    if host.len() > 253 || !host.split('.').all(label) {
        return Err(Refusal::Malformed);
    }
    let last = host.rsplit('.').next().unwrap_or_default();
    Ok(host.contains('.') && !PRIVATE_DOMAINS.contains(&last))
}

/// Top-level domains that are no part of the public tree (RFC 6761, 6762, 7686, 8375, 9476) or, though never given
/// out, usual inside networks.
const PRIVATE_DOMAINS: [&str; 15] = [
    "alt",
    "arpa",
    "corp",
    "example",
    "home",
    "internal",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "onion",
    "private",
    "test",
];

/// Reports whether an address is outside the IANA registry of special-purpose addresses (RFC 6890).
fn is_public_v4(address: Ipv4Addr) -> bool {
    /// Network and length of what the standard library has no stable method for.
    const SPECIAL: [(Ipv4Addr, u32); 7] = [
        (Ipv4Addr::new(0, 0, 0, 0), 8),
        (Ipv4Addr::new(100, 64, 0, 0), 10),
        (Ipv4Addr::new(192, 0, 0, 0), 24),
        (Ipv4Addr::new(192, 88, 99, 0), 24),
        (Ipv4Addr::new(198, 18, 0, 0), 15),
        (Ipv4Addr::new(240, 0, 0, 0), 4),
        // Public by number, and yet Azure's own service inside Azure.
        (Ipv4Addr::new(168, 63, 129, 16), 32),
    ];
    let within = |(network, length): &(Ipv4Addr, u32)| (address.to_bits() ^ network.to_bits()) >> (32 - length) == 0;
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast()
        || SPECIAL.iter().any(within);
    !special
}

/// Reports whether an address is global unicast (2000::/3) and neither special in there nor IPv4 inside (Teredo, 6to4).
/// Loopback, link-local, unique local and multicast addresses are all outside 2000::/3.
fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..] => false,
        [first, ..] => first >> 13 == 1,
    }
}

#[cfg(test)]
mod tests;
