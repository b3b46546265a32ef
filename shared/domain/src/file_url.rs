//! The addresses of stored files: `/files/{key}` on the deployment's own origin. A key holds 128 random bits, so
//! whoever has the address may read the file.

use crate::id;

/// The prefix of these addresses, after the origin.
pub const PREFIX: &str = "/files/";

/// True for `up/{32 hex}.{extension}`, `data/{32 hex}.{extension}` (images of datasets) and
/// `out/{task}/{attempt}/{32 hex}.{extension}`, the only keys there are.
pub fn is_key(key: &str) -> bool {
    let name = |name: &str| {
        let plain =
            |e: &str| (1..=11).contains(&e.len()) && e.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        name.split_once('.').is_some_and(|(token, extension)| id::is_token(token) && plain(extension))
    };
    let mut parts = key.split('/');
    match (parts.next(), parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some("up" | "data"), Some(file), None, ..) => name(file),
        (Some("out"), Some(task), Some(attempt), Some(file), None) => {
            id::parse(task).is_some() && id::parse(attempt).is_some() && name(file)
        }
        _ => false,
    }
}

/// The key of a stored file when `url` is its address, without an origin or with one of `origins`.
pub fn key<'a>(url: &'a str, origins: &[&str]) -> Option<&'a str> {
    let under = |origin: &&str| if origin.is_empty() { None } else { url.strip_prefix(origin) };
    let path = if url.starts_with('/') { Some(url) } else { origins.iter().find_map(under) };
    path?.strip_prefix(PREFIX).filter(|key| is_key(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_keys_are_looked_up() {
        let token = "0f".repeat(16);
        for good in [
            format!("up/{token}.png"),
            format!("up/{token}.safetensors"),
            format!("data/{token}.jpg"),
            format!("out/7/2/{token}.png"),
        ] {
            assert!(is_key(&good), "{good}");
        }
        for bad in [
            String::new(),
            "up/".into(),
            format!("up/{token}"),
            format!("up/{token}."),
            format!("up/{token}.PNG"),
            format!("up/{token}.png/"),
            format!("up//{token}.png"),
            format!("up/../up/{token}.png"),
            format!("up/%2e%2e/{token}.png"),
            format!("out/7/{token}.png"),
            format!("out/7/0/{token}.png"),
            format!("out/7/2/x/{token}.png"),
            format!("secret/{token}.png"),
        ] {
            assert!(!is_key(&bad), "{bad}");
        }
    }

    #[test]
    fn an_address_is_ours_with_or_without_our_origin() {
        let key_text = format!("up/{}.png", "0f".repeat(16));
        let path = format!("/files/{key_text}");
        let origins = ["", "https://easel.example"];
        for url in [path.clone(), format!("https://easel.example{path}")] {
            assert_eq!(key(&url, &origins), Some(key_text.as_str()), "{url}");
        }
        for url in [
            format!("https://other.example{path}"),
            format!("https://easel.example.evil.com{path}"),
            format!("//easel.example{path}"),
            format!("https://easel.example{path}?x"),
            key_text.clone(),
            String::new(),
        ] {
            assert_eq!(key(&url, &origins), None, "{url}");
        }
    }
}
