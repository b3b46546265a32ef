//! Spellings of addresses: which are called and as what, and which are refused.

use super::*;

fn called(url: &str, exempt: &[String]) -> Result<String, Refusal> {
    check(url, exempt).map(String::from)
}

#[test]
fn public_addresses_are_called_as_the_url_standard_writes_them() {
    for (written, target) in [
        ("https://example.com", "https://example.com/"),
        ("http://example.com/a?b=c#d", "http://example.com/a?b=c#d"),
        ("HTTPS://Example.COM:443/", "https://example.com/"),
        ("http://example.com:80", "http://example.com/"),
        ("http://example.com:443", "http://example.com:443/"),
        ("https://hooks.example.co.uk:8443/x/y", "https://hooks.example.co.uk:8443/x/y"),
        ("http://xn--fiqs8s.xn--fiqs8s/", "http://xn--fiqs8s.xn--fiqs8s/"),
        ("https://a-b.c1.dev?x", "https://a-b.c1.dev/?x"),
        ("http://8.8.8.8/", "http://8.8.8.8/"),
        ("http://1.2.3.4:65535", "http://1.2.3.4:65535/"),
        ("https://[2606:4700::1111]/", "https://[2606:4700::1111]/"),
        ("https://[2606:4700:0:0::1111]/", "https://[2606:4700::1111]/"),
        ("https://[2A00:1450:4001::8.8.8.8]:8080/", "https://[2a00:1450:4001::808:808]:8080/"),
        ("https://[2a00:1450:4001::8.8.8.8]:8080/", "https://[2a00:1450:4001::808:808]:8080/"),
        ("https://example.com/@a:b\"<>{}|^`", "https://example.com/@a:b%22%3C%3E%7B%7D|^%60"),
        ("https://example.com/a/./b/../c/%2e%2e/d", "https://example.com/a/d"),
        ("https://example.com?a:b@c", "https://example.com/?a:b@c"),
        ("https://0x7f.example.com/", "https://0x7f.example.com/"),
        ("https://3com.com/", "https://3com.com/"),
    ] {
        assert_eq!(called(written, &[]).as_deref(), Ok(target), "{written}");
        assert_eq!(called(target, &[]).as_deref(), Ok(target), "{written}");
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
        ("http:/example.com://example.com", Malformed),
        ("https:example.com", Malformed),
        ("HTTP:example.com", Malformed),
        ("ht\ttp://example.com/", Malformed),
        ("\u{1}http://example.com/", Malformed),
        ("http:\n//example.com/", Malformed),
        ("http:////example.com", Malformed),
        ("http:/\\example.com", Malformed),
        ("ws://example.com/", Malformed),
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
        ("http://exa%6dple.com/", Malformed),
        ("http://example.com%00.a/", Malformed),
        ("http://example.com%2f@127.0.0.1/", Malformed),
        ("http://:@example.com/", Malformed),
        ("http://:80/", Malformed),
        ("http://ｅxample.com/", Malformed),
        ("http://exam\u{ad}ple.com/", Malformed),
        ("http://example。com/", Malformed),
        ("http://①②⑦.0.0.1/", Malformed),
        ("http://xn--localhost-/", Malformed),
        ("http://a*b.com/", Malformed),
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
        ("http://134744072/", Malformed),
        ("http://8.8.2056/", Malformed),
        ("http://0x8.8.8.8/", Malformed),
        ("http://8.8.8.010/", Malformed),
        ("http://0/", Malformed),
        ("http://0x/", Malformed),
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
        ("http://example.com:8080\\@127.0.0.1/", Malformed),
        ("http://[2606:4700::1111]:/", Malformed),
        ("http://[2606:4700::1111]:080/", Malformed),
        ("http://[2606:4700::1111]80/", Malformed),
        ("http://[2606:4700::01.2.3.4]/", Malformed),
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
        "191.255.255.255",
        "192.0.1.0",
        "192.0.3.0",
        "192.88.98.255",
        "192.88.100.0",
        "192.167.255.255",
        "198.17.255.255",
        "198.20.0.0",
        "198.51.99.255",
        "198.51.101.0",
        "203.0.112.255",
        "203.0.114.0",
        "168.63.129.15",
        "168.63.129.17",
        "223.255.255.255",
        "[2000::]",
        "[2001:200::]",
        "[2003::]",
        "[3fff:1000::]",
        "[3ffe::1]",
        "[3fff:ffff::1]",
        "[2001:db7::1]",
        "[2001:db9::1]",
    ] {
        let url = format!("http://{host}/");
        assert_eq!(called(&url, &[]), Ok(url), "{host}");
    }
}

#[test]
fn exemptions_are_of_one_host_and_port() {
    let exempt = &["127.0.0.1:8080", "dev.localhost:80", "[::1]:99"].map(String::from);
    for (written, target) in [
        ("http://127.0.0.1:8080/x", "http://127.0.0.1:8080/x"),
        ("http://DEV.localhost/", "http://dev.localhost/"),
        ("http://[::1]:99", "http://[::1]:99/"),
        ("http://[0::1]:99", "http://[::1]:99/"),
    ] {
        assert_eq!(called(written, exempt).as_deref(), Ok(target), "{written}");
    }
    for url in ["http://127.0.0.1:8081/", "http://127.0.0.1/", "https://dev.localhost/", "http://a@127.0.0.1:8080/"] {
        assert!(check(url, exempt).is_err(), "{url}");
    }
    assert!(check("http://localhost/", &[":80".into(), String::new()]).is_err());
}

#[test]
fn redirects_are_followed_to_where_they_lead() {
    let base = Url::parse("https://example.com:8443/a/b?q=1#f").unwrap();
    let target = |location: &str| follow(&base, location).map(String::from);
    for (location, to) in [
        ("http://other.com/x", Some("http://other.com/x")),
        ("HTTPS://other.com", Some("https://other.com/")),
        ("//other.com/x", Some("https://other.com/x")),
        ("/x?y", Some("https://example.com:8443/x?y")),
        ("c", Some("https://example.com:8443/a/c")),
        ("?r=2", Some("https://example.com:8443/a/b?r=2")),
        ("../c:d", Some("https://example.com:8443/c:d")),
        ("../../../e", Some("https://example.com:8443/e")),
        ("./@127.0.0.1/", Some("https://example.com:8443/a/@127.0.0.1/")),
        (".//127.0.0.1/", Some("https://example.com:8443/a//127.0.0.1/")),
        ("/.//127.0.0.1/", Some("https://example.com:8443//127.0.0.1/")),
        ("", None),
        ("é", None),
        ("/a b", None),
        ("/a\tb", None),
        ("file:///etc/passwd", None),
        ("javascript:x", None),
        ("localhost:80", None),
        ("https:other", None),
        ("https:/other.com/", None),
        ("http:///other.com/", None),
        ("///other.com/", None),
        ("//user@other.com/", None),
        ("https://user@example.com:8443/", None),
        ("//oth%65r.com/", None),
        ("//134744072/", None),
        ("https://example.com:/", None),
    ] {
        assert_eq!(target(location).as_deref(), to, "{location}");
    }
    assert_eq!(target(&"a".repeat(MAX_LENGTH + 1)), None);
    let root = Url::parse("http://example.com").unwrap();
    assert_eq!(follow(&root, "x").map(String::from).as_deref(), Some("http://example.com/x"));
    for inside in [
        "//127.0.0.1/",
        "/\\127.0.0.1",
        "\\\\127.0.0.1",
        "\\/127.0.0.1",
        "http://127.0.0.1",
        "//127.1",
        "//localhost:8443/",
        "//[::1]/",
        "/\t/127.0.0.1",
    ] {
        assert!(follow(&base, inside).is_none_or(|url| check(url.as_str(), &[]).is_err()), "{inside}");
    }
}

/// Spells addresses at random. What is called never has another host or port than the text shows, and is judged
/// alike when it is judged again.
#[test]
fn the_address_that_is_judged_is_the_address_that_is_called() {
    const PIECES: [&str; 40] = [
        "http",
        "https",
        "HTTP",
        ":",
        "://",
        "//",
        "/",
        "\\",
        "@",
        ".",
        "..",
        "?",
        "#",
        "%2e",
        "%00",
        "%",
        "[",
        "]",
        "::",
        "::1",
        "2606:4700",
        "8.8.8.8",
        "127.0.0.1",
        "127.1",
        "0x7f",
        "010",
        "80",
        "443",
        "8080",
        "0",
        "localhost",
        "example",
        "com",
        "COM",
        "a",
        "-",
        "_",
        "xn--",
        "\t",
        "é",
    ];
    let mut random = fastrand::Rng::with_seed(7);
    let mut accepted = 0;
    for _ in 0..300_000 {
        let host = random.choice(["example.com", "8.8.8.8", "[2606:4700::1]"]).unwrap_or_default();
        let mut text = [random.choice(["http://", "https://", ""]).unwrap_or_default(), host].concat();
        for _ in 0..random.usize(1..4) {
            let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
            text.insert_str(places[random.usize(..places.len())], PIECES[random.usize(..PIECES.len())]);
        }
        let Ok(url) = check(&text, &[]) else { continue };
        accepted += 1;
        let authority = text.split("://").nth(1).and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap();
        let shown = authority.to_ascii_lowercase();
        let port = if url.scheme() == "http" { ":80" } else { ":443" };
        let plain = shown.strip_suffix(port).filter(|_| url.port().is_none()).unwrap_or(&shown);
        if !shown.starts_with('[') {
            assert_eq!(url.authority(), plain, "{text}");
        }
        assert_eq!(check(url.as_str(), &[]).as_ref(), Ok(&url), "{text}");
    }
    assert!(accepted > 10_000, "{accepted}");
}

#[test]
fn fields_are_named() {
    let error = admit("http://localhost/", &[], "url").unwrap_err();
    assert_eq!((error.code(), error.field.as_deref()), ("invalid_parameter", Some("url")));
}
