//! Which addresses of users' choosing we call at all: webhooks, and pictures to start from. Whoever names an address
//! must not reach through us what only we can reach (server-side request forgery).
//!
//! Only the text of an address is judged here. A public name whose DNS answers with a private address passes, so the
//! network below must refuse those: Cloudflare's does; whoever hosts elsewhere keeps private ranges out of the
//! component's allowed hosts. Every hop of a redirect is an address of its own and is judged again.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::Error;
use crate::error::Arg;
use crate::messages::INVALID_PARAMETER;

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
    pub fn text(self) -> &'static str {
        match self {
            Refusal::Malformed => "not a plain http or https address",
            Refusal::Private => "not an address of the public internet",
            Refusal::Port => "a port we do not call",
        }
    }
}

/// Whether we may call this address. `exempt` lists the `host:port` that are called wherever they are:
/// the setting `FETCH_ALLOW`, for one's own machine and for tests.
pub fn check(url: &str, exempt: &[String]) -> Result<(), Refusal> {
    let (host, port) = parts(url).ok_or(Refusal::Malformed)?;
    let named = format!("{host}:{port}");
    if exempt.iter().any(|each| each.eq_ignore_ascii_case(&named)) {
        return Ok(());
    }
    let public = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inside) => public_v6(inside.parse().map_err(|_| Refusal::Malformed)?),
        None if ends_in_a_number(&host) => public_v4(host.parse().map_err(|_| Refusal::Malformed)?),
        None => public_name(&host)?,
    };
    match (public, port) {
        (false, _) => Err(Refusal::Private),
        (true, 80 | 443 | 1024..) => Ok(()),
        (true, _) => Err(Refusal::Port),
    }
}

/// The same about a field of a request.
pub fn admit(url: &str, exempt: &[String], field: &'static str) -> Result<(), Error> {
    check(url, exempt).map_err(|refusal| {
        let phrase = Arg::Phrase {
            en: "an http or https address on the public internet".into(),
            hant: "公開網際網路上的 http 或 https 網址".into(),
            hans: "公开互联网上的 http 或 https 网址".into(),
        };
        INVALID_PARAMETER.on(field).arg(field).phrase(phrase).cause(refusal.text())
    })
}

/// Where a redirect from `base` leads; to be checked like any other address. None when it cannot be told.
pub fn follow(base: &str, location: &str) -> Option<String> {
    let lower = location.get(..8).unwrap_or(location).to_ascii_lowercase();
    if lower.starts_with("http://") || lower.starts_with("https://") {
        return Some(location.to_string());
    }
    let (scheme, rest) = base.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end)?;
    if let Some(other) = location.strip_prefix("//") {
        return Some(format!("{scheme}://{other}"));
    }
    if location.starts_with('/') {
        return Some(format!("{scheme}://{authority}{location}"));
    }
    // Another scheme is none of ours; a name without one is relative to the folder.
    let first = location.split(['/', '?', '#']).next().unwrap_or_default();
    if first.contains(':') {
        return None;
    }
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let folder = path.rfind('/').and_then(|i| path.get(..=i)).unwrap_or("/");
    Some(format!("{scheme}://{authority}{folder}{location}"))
}

/// Host in lower case (IPv6 in brackets) and port, if every reader of URLs must see the same in this one: only visible
/// ASCII, no backslash (some take it for a slash), no user information, a host of plain characters.
fn parts(url: &str) -> Option<(String, u16)> {
    if url.len() > MAX_LENGTH || !url.bytes().all(|b| b.is_ascii_graphic() && b != b'\\') {
        return None;
    }
    let (scheme, rest) = url.split_once("://")?;
    let standard = match scheme.to_ascii_lowercase().as_str() {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let authority = rest.split(['/', '?', '#']).next()?;
    let (host, port) = match authority.rfind(']') {
        Some(end) => authority.split_at_checked(end + 1)?,
        None => authority.split_at_checked(authority.find(':').unwrap_or(authority.len()))?,
    };
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => standard,
        // No sign, no leading zero, nothing empty.
        Some(digits) if digits.starts_with(|c: char| ('1'..='9').contains(&c)) => digits.parse().ok()?,
        _ => return None,
    };
    let inside = host.strip_prefix('[').map(|rest| rest.strip_suffix(']')).unwrap_or(Some(host))?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.') || (b == b':' && host.starts_with('['));
    (!inside.is_empty() && inside.bytes().all(plain)).then(|| (host.to_ascii_lowercase(), port))
}

/// Such hosts are IPv4 addresses to every reader of URLs, in whatever notation.
fn ends_in_a_number(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    let hex = last.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    hex || (!last.is_empty() && last.bytes().all(|b| b.is_ascii_digit()))
}

/// A name with a dot under a public top-level domain. A trailing dot is refused: it would be another spelling.
fn public_name(host: &str) -> Result<bool, Refusal> {
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

/// Not in the IANA registry of special-purpose addresses (RFC 6890): network, and the bits that count.
fn public_v4(address: Ipv4Addr) -> bool {
    const SPECIAL: [([u8; 4], u32); 16] = [
        ([0, 0, 0, 0], 8),
        ([10, 0, 0, 0], 8),
        ([100, 64, 0, 0], 10),
        ([127, 0, 0, 0], 8),
        ([169, 254, 0, 0], 16),
        ([172, 16, 0, 0], 12),
        ([192, 0, 0, 0], 24),
        ([192, 0, 2, 0], 24),
        ([192, 88, 99, 0], 24),
        ([192, 168, 0, 0], 16),
        ([198, 18, 0, 0], 15),
        ([198, 51, 100, 0], 24),
        ([203, 0, 113, 0], 24),
        ([224, 0, 0, 0], 4),
        ([240, 0, 0, 0], 4),
        // Public by number, and yet Azure's own service inside Azure.
        ([168, 63, 129, 16], 32),
    ];
    let bits = address.to_bits();
    !SPECIAL.iter().any(|(network, length)| (bits ^ Ipv4Addr::from(*network).to_bits()) >> (32 - length) == 0)
}

/// Global unicast, without what of it is special or carries IPv4 inside (Teredo, 6to4).
fn public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..] => false,
        [first, ..] => first >> 13 == 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_public_internet_are_called() {
        for url in [
            "https://example.com",
            "http://example.com/a?b=c#d",
            "HTTPS://Example.COM:443/",
            "https://hooks.example.co.uk:8443/x/y",
            "http://xn--fiqs8s.xn--fiqs8s/",
            "https://a-b.c1.dev?x",
            "http://8.8.8.8/",
            "http://1.2.3.4:65535",
            "https://[2606:4700::1111]/",
            "https://[2a00:1450:4001::8.8.8.8]:8080/",
            "https://example.com/@a:b\"<>{}|^`",
            "https://0x7f.example.com/",
            "https://3com.com/",
        ] {
            assert_eq!(check(url, &[]), Ok(()), "{url}");
        }
    }

    #[test]
    fn whatever_could_lead_inside_is_not() {
        use Refusal::{Malformed, Port, Private};
        for (url, why) in [
            ("", Malformed),
            ("example.com", Malformed),
            ("//example.com/", Malformed),
            ("http:/example.com", Malformed),
            ("http:example.com", Malformed),
            ("http:///example.com", Malformed),
            ("http://", Malformed),
            ("http://?a", Malformed),
            ("ftp://example.com/", Malformed),
            ("file:///etc/passwd", Malformed),
            ("gopher://example.com/", Malformed),
            ("javascript://example.com/%0aalert(1)", Malformed),
            (" http://example.com", Malformed),
            ("http://example.com\n", Malformed),
            ("http://exa\tmple.com", Malformed),
            ("http://exam ple.com", Malformed),
            ("http://example.com/\u{0}", Malformed),
            ("http://例え.jp/", Malformed),
            ("http://example.com/é", Malformed),
            ("http://１２７.0.0.1/", Malformed),
            ("http:\\\\127.0.0.1\\", Malformed),
            ("http://example.com\\@127.0.0.1/", Malformed),
            ("http://a@example.com", Malformed),
            ("http://a:b@127.0.0.1/", Malformed),
            ("http://example.com:80@127.0.0.1/", Malformed),
            ("http://@127.0.0.1/", Malformed),
            ("http://127%2e0.0.1/", Malformed),
            ("http://%6cocalhost/", Malformed),
            ("http://a_b.com/", Malformed),
            ("http://.example.com/", Malformed),
            ("http://example..com/", Malformed),
            ("http://example.com./", Malformed),
            ("http://127.0.0.1./", Malformed),
            ("http://-a.com/", Malformed),
            ("http://a-.com/", Malformed),
            ("http://2130706433/", Malformed),
            ("http://0x7f000001/", Malformed),
            ("http://0x7f.1/", Malformed),
            ("http://0X7F.0.0.0x1/", Malformed),
            ("http://example.0x/", Malformed),
            ("http://0177.0.0.1/", Malformed),
            ("http://127.0.0.01/", Malformed),
            ("http://127.1/", Malformed),
            ("http://127.0.1/", Malformed),
            ("http://1.2.3.4.5/", Malformed),
            ("http://256.1.1.1/", Malformed),
            ("http://example.1/", Malformed),
            ("http://[::1", Malformed),
            ("http://::1]/", Malformed),
            ("http://[]/", Malformed),
            ("http://[1.2.3.4]/", Malformed),
            ("http://[::1]x/", Malformed),
            ("http://[fe80::1%25eth0]/", Malformed),
            ("http://[2606:4700::1111]]/", Malformed),
            ("http://x[2606:4700::1111]/", Malformed),
            ("http://example.com:/", Malformed),
            ("http://example.com:0/", Malformed),
            ("http://example.com:080/", Malformed),
            ("http://example.com:+80/", Malformed),
            ("http://example.com:65536/", Malformed),
            ("http://example.com:80:80/", Malformed),
            ("http://example.com:http/", Malformed),
            ("http://localhost/", Private),
            ("http://LOCALHOST:8080/", Private),
            ("http://intranet/", Private),
            ("http://a.localhost/", Private),
            ("http://printer.local/", Private),
            ("http://metadata.google.internal/", Private),
            ("http://router.home.arpa/", Private),
            ("http://1.0.0.127.in-addr.arpa/", Private),
            ("http://a.test/", Private),
            ("http://0.0.0.0/", Private),
            ("http://10.1.2.3/", Private),
            ("http://100.64.0.1/", Private),
            ("http://100.127.255.255/", Private),
            ("http://127.0.0.1:8080/", Private),
            ("http://127.255.255.254/", Private),
            ("http://169.254.169.254/latest/meta-data", Private),
            ("http://172.16.0.1/", Private),
            ("http://172.31.255.255/", Private),
            ("http://192.0.0.8/", Private),
            ("http://192.0.2.1/", Private),
            ("http://192.88.99.1/", Private),
            ("http://192.168.0.1/", Private),
            ("http://198.19.255.255/", Private),
            ("http://198.51.100.1/", Private),
            ("http://203.0.113.1/", Private),
            ("http://224.0.0.1/", Private),
            ("http://255.255.255.255/", Private),
            ("http://168.63.129.16/", Private),
            ("http://[::]/", Private),
            ("http://[::1]/", Private),
            ("http://[::ffff:127.0.0.1]/", Private),
            ("http://[::ffff:7f00:1]/", Private),
            ("http://[::ffff:8.8.8.8]/", Private),
            ("http://[64:ff9b::7f00:1]/", Private),
            ("http://[fc00::1]/", Private),
            ("http://[fe80::1]/", Private),
            ("http://[ff02::1]/", Private),
            ("http://[2001::1]/", Private),
            ("http://[2001:1ff::1]/", Private),
            ("http://[2001:db8::1]/", Private),
            ("http://[2002:7f00:1::]/", Private),
            ("http://[3fff::1]/", Private),
            ("http://[4000::1]/", Private),
            ("http://example.com:22/", Port),
            ("http://example.com:25/", Port),
            ("http://8.8.8.8:53/", Port),
            ("https://[2606:4700::1111]:1023/", Port),
        ] {
            assert_eq!(check(url, &[]), Err(why), "{url}");
        }
        let long = format!("http://example.com/{}", "a".repeat(MAX_LENGTH));
        assert_eq!(check(&long, &[]), Err(Malformed));
        assert_eq!(check(&format!("http://{}.com/", "a".repeat(64)), &[]), Err(Malformed));
        assert_eq!(check(&format!("http://{}com/", "a.".repeat(126)), &[]), Err(Malformed));
    }

    #[test]
    fn neighbours_of_special_ranges_are_public() {
        for host in [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "[2000::]",
            "[2001:200::]",
            "[2003::]",
            "[3fff:1000::]",
            "[3ffe::1]",
        ] {
            assert_eq!(check(&format!("http://{host}/"), &[]), Ok(()), "{host}");
        }
    }

    #[test]
    fn exemptions_are_of_one_host_and_port() {
        let exempt = &["127.0.0.1:8080", "dev.localhost:80", "[::1]:99"].map(String::from);
        for url in ["http://127.0.0.1:8080/x", "http://DEV.localhost/", "http://[::1]:99"] {
            assert_eq!(check(url, exempt), Ok(()), "{url}");
        }
        for url in ["http://127.0.0.1:8081/", "http://127.0.0.1/", "https://dev.localhost/", "http://a@127.0.0.1:8080/"]
        {
            assert!(check(url, exempt).is_err(), "{url}");
        }
        assert!(check("http://localhost/", &[":80".into(), String::new()]).is_err());
    }

    #[test]
    fn redirects_are_followed_to_where_they_lead() {
        let base = "https://example.com:8443/a/b?q=1#f";
        for (location, target) in [
            ("http://other.com/x", Some("http://other.com/x")),
            ("HTTPS://other.com", Some("HTTPS://other.com")),
            ("//other.com/x", Some("https://other.com/x")),
            ("/x?y", Some("https://example.com:8443/x?y")),
            ("c", Some("https://example.com:8443/a/c")),
            ("", Some("https://example.com:8443/a/")),
            ("../c:d", Some("https://example.com:8443/a/../c:d")),
            ("file:///etc/passwd", None),
            ("javascript:x", None),
        ] {
            assert_eq!(follow(base, location).as_deref(), target, "{location}");
        }
        assert_eq!(follow("http://example.com", "x").as_deref(), Some("http://example.com/x"));
        for inside in ["//127.0.0.1/", "/\\127.0.0.1", "\\\\127.0.0.1", "http://127.0.0.1"] {
            assert!(follow(base, inside).is_none_or(|url| check(&url, &[]).is_err()), "{inside}");
        }
    }

    #[test]
    fn fields_are_named() {
        let error = admit("http://localhost/", &[], "url").unwrap_err();
        assert_eq!((error.code(), error.field.as_deref()), ("invalid_parameter", Some("url")));
    }
}
