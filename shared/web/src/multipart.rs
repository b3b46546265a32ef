//! `multipart/form-data` (RFC 7578): the file in a body that was read whole.

use domain::Error;
use domain::messages::{INVALID_IMAGE, MISSING_PARAMETER, UNSUPPORTED_MEDIA_TYPE};

/// The first file of a form, or the body itself when it is no form.
pub fn file<'a>(content_type: &str, body: &'a [u8]) -> Result<&'a [u8], Error> {
    let media = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match media.as_str() {
        "multipart/form-data" => {}
        "application/json" | "application/x-www-form-urlencoded" => {
            return Err(UNSUPPORTED_MEDIA_TYPE.on("Content-Type").arg("multipart/form-data, image/png, …"));
        }
        _ => return Ok(body),
    }
    let broken = || INVALID_IMAGE.on("file").cause("a form that cannot be read");
    let delimiter = format!("--{}", parameter(content_type, "boundary").ok_or_else(broken)?);
    let mut rest = split(body, delimiter.as_bytes()).ok_or_else(broken)?.1;
    let delimiter = format!("\r\n{delimiter}");
    while !rest.starts_with(b"--") {
        let (headers, content) = split(rest, b"\r\n\r\n").ok_or_else(broken)?;
        let (content, next) = split(content, delimiter.as_bytes()).ok_or_else(broken)?;
        if is_file(&String::from_utf8_lossy(headers)) {
            return Ok(content);
        }
        rest = next;
    }
    Err(MISSING_PARAMETER.on("file").arg("file"))
}

/// True for a part with a file name, and for the part named `file`.
fn is_file(headers: &str) -> bool {
    let disposition = headers
        .lines()
        .find(|line| line.get(..20).is_some_and(|name| name.eq_ignore_ascii_case("content-disposition:")));
    disposition.is_some_and(|line| {
        let named = |name| parameter(line, name);
        named("filename").is_some() || named("filename*").is_some() || named("name") == Some("file")
    })
}

/// A parameter of a header, without its quotes.
fn parameter<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let found = header.split(';').skip(1).find_map(|item| {
        let (key, value) = item.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    })?;
    Some(found.strip_prefix('"').and_then(|v| v.split('"').next()).unwrap_or(found)).filter(|v| !v.is_empty())
}

/// The bytes before and after the first `mark`.
fn split<'a>(bytes: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let (first, _) = mark.split_first()?;
    let mut from = 0;
    loop {
        let at = from + bytes.get(from..)?.iter().position(|byte| byte == first)?;
        let (before, found) = bytes.split_at_checked(at)?;
        if let Some(after) = found.strip_prefix(mark) {
            return Some((before, after));
        }
        from = at + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &str = "multipart/form-data; boundary=\"b-1\"";

    fn found(body: &str) -> Result<&str, &'static str> {
        file(FORM, body.as_bytes()).map(|bytes| std::str::from_utf8(bytes).unwrap()).map_err(|e| e.code())
    }

    #[test]
    fn the_first_file_is_found_whole() {
        let text = "--b-1\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nfilename=\"no\"\r\n";
        let one =
            "--b-1\r\ncontent-disposition: form-data; name=\"f\"; filename=\"a.png\"\r\nX: y\r\n\r\n\r\n--b-\r\n1\r\n";
        let two = "--b-1\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nsecond\r\n";
        assert_eq!(found(&format!("{text}{one}{two}--b-1--\r\n")), Ok("\r\n--b-\r\n1"));
        assert_eq!(found(&format!("preamble\r\n{text}{two}--b-1--")), Ok("second"));
        assert_eq!(found(&format!("{text}--b-1--\r\n")), Err("missing_parameter"));
    }

    #[test]
    fn broken_forms_are_refused() {
        for body in ["", "--b-1", "--b-1\r\n", "--b-1\r\nA: b\r\n\r\n", "--b-1\r\nA: b\r\n\r\nx\r\n--b-1\r\n", "----"] {
            assert_eq!(found(body), Err("invalid_image"), "{body:?}");
        }
        assert_eq!(file("multipart/form-data", b"--\r\n\r\n\r\n--").unwrap_err().code(), "invalid_image");
        assert_eq!(file("application/json", b"{}").unwrap_err().code(), "unsupported_media_type");
        assert_eq!(file("", b"raw"), Ok(b"raw".as_slice()));
    }
}
