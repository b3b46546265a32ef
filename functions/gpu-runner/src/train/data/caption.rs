//! What a picture shows, from the text beside it.

use crate::DrawError;
use crate::train::data::problem;

/// A prompt of a thousand words has half of it.
pub const MAX_BYTES: usize = 16 << 10;

/// The text of a file: UTF-8, with or without a mark in front, lines of any kind. One line comes out, empty where there
/// is nothing but space.
pub fn read(bytes: &[u8]) -> Result<String, DrawError> {
    if bytes.len() > MAX_BYTES {
        return Err(problem(format!("more than {MAX_BYTES} bytes are no caption")));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| problem("the caption is not UTF-8".into()))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    Ok(words.collect::<Vec<_>>().join(" "))
}

/// What is learnt with a picture: its caption, with the trigger words in front unless they are in it, in any case.
pub fn with_trigger(caption: &str, trigger: Option<&str>) -> String {
    match trigger {
        Some(trigger) if caption.is_empty() => trigger.to_string(),
        Some(trigger) if !caption.to_lowercase().contains(&trigger.to_lowercase()) => format!("{trigger}, {caption}"),
        _ => caption.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_one_line() {
        for (bytes, caption) in [
            (&b"a red fox"[..], "a red fox"),
            (b"\xef\xbb\xbfa fox,\r\nin the snow\r\n", "a fox, in the snow"),
            (b"a\tfox\x00\x1b here\n\n", "a fox here"),
            ("藍色背景上的\u{3000}紅色星星\n".as_bytes(), "藍色背景上的 紅色星星"),
            (b" \r\n", ""),
            (b"\xef\xbb\xbf", ""),
            (b"", ""),
        ] {
            assert_eq!(read(bytes).unwrap(), caption);
        }
        assert!(read(b"caf\xe9").unwrap_err().message.contains("UTF-8"));
        assert!(read(b"\xff\xfea\0").unwrap_err().message.contains("UTF-8"));
        assert!(read(&[b'a'; MAX_BYTES]).is_ok());
        assert!(read(&[b'a'; MAX_BYTES + 1]).is_err());
    }

    #[test]
    fn trigger_words_are_in_every_caption_once() {
        assert_eq!(with_trigger("a fox", None), "a fox");
        assert_eq!(with_trigger("", Some("sks fox")), "sks fox");
        assert_eq!(with_trigger("in snow", Some("sks")), "sks, in snow");
        assert_eq!(with_trigger("a Sks Fox in snow", Some("sks fox")), "a Sks Fox in snow");
    }
}
