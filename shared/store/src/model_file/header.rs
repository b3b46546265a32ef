//! The header of a safetensors file (<https://github.com/huggingface/safetensors>). The file begins with the header's
//! length, 8 bytes little-endian. The header is JSON: the type, shape and byte range of each tensor. The tensors follow
//! without gaps. Nothing in such a file can run as code. Must not know storage.

use serde_json::{Map, Value};

/// Bytes of the header's length, at the start of the file.
pub const LENGTH: u64 = 8;

/// Largest accepted header in bytes. Thousands of tensors take 0.5 MiB; the metadata of training tools may take more.
pub const MAX_HEADER: u64 = 4 << 20;

/// Key of the metadata, texts by name, of the program that wrote the file.
const METADATA: &str = "__metadata__";

/// The tensors of a file.
#[derive(Debug, PartialEq, Eq)]
pub struct Tensors {
    /// At least one is named as a LoRA's.
    pub lora: bool,
}

/// Bytes of the header. `start` is the first `LENGTH` bytes of the file; `rest` bytes follow them.
///
/// # Errors
///
/// The reason, for the log, when it is no length of a header.
pub fn length(start: &[u8], rest: u64) -> Result<u64, &'static str> {
    let start: [u8; 8] = start.try_into().map_err(|_| "it is shorter than a header's length")?;
    let length = u64::from_le_bytes(start);
    if !(2..=MAX_HEADER).contains(&length) {
        return Err("the header's length is not plausible");
    }
    if length <= rest { Ok(length) } else { Err("the header is longer than the file") }
}

/// Checks a header that `data` bytes of tensors follow.
///
/// # Errors
///
/// The reason, for the log: no JSON, no tensors, or ranges that leave gaps, overlap or do not fit type and shape.
pub fn check(header: &[u8], data: u64) -> Result<Tensors, &'static str> {
    let header: Map<String, Value> = serde_json::from_slice(header).map_err(|_| "the header is not a JSON object")?;
    let mut ranges = Vec::with_capacity(header.len());
    let mut lora = false;
    for (name, entry) in &header {
        if name == METADATA {
            let texts = entry.as_object().is_some_and(|metadata| metadata.values().all(Value::is_string));
            texts.then_some(()).ok_or("the metadata is not texts")?;
            continue;
        }
        ranges.push(byte_range(entry).ok_or("a tensor's size is not that of its type and shape")?);
        lora |= name.contains("lora");
    }
    if ranges.is_empty() {
        return Err("there are no tensors");
    }
    ranges.sort_unstable();
    let mut end = 0;
    for (first, last) in ranges {
        if first != end {
            return Err("the tensors overlap or have gaps between them");
        }
        end = last;
    }
    if end == data { Ok(Tensors { lora }) } else { Err("the file ends elsewhere than its tensors") }
}

/// The first byte of a tensor and the one after its last, if its type and shape take so many bytes.
fn byte_range(entry: &Value) -> Option<(u64, u64)> {
    let [first, last] = entry.get("data_offsets")?.as_array()?.as_slice() else { return None };
    let (first, last) = (first.as_u64()?, last.as_u64()?);
    let shape = entry.get("shape")?.as_array()?;
    let elements = shape.iter().try_fold(1u64, |all, side| all.checked_mul(side.as_u64()?))?;
    let bytes = elements.checked_mul(width(entry.get("dtype")?.as_str()?)?)?;
    (last.checked_sub(first)? == bytes).then_some((first, last))
}

/// Bytes of one element.
fn width(dtype: &str) -> Option<u64> {
    Some(match dtype {
        "BOOL" | "U8" | "I8" | "F8_E4M3" | "F8_E5M2" => 1,
        "F16" | "BF16" | "I16" | "U16" => 2,
        "F32" | "I32" | "U32" => 4,
        "F64" | "I64" | "U64" => 8,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_headers_are_checked() {
        assert_eq!(length(&2u64.to_le_bytes(), 2), Ok(2));
        for (start, rest) in [(3u64, 2), (0, 10), (1, 10), (MAX_HEADER + 1, 1 << 40), (u64::MAX, 1 << 40), (2, 0)] {
            assert!(length(&start.to_le_bytes(), rest).is_err(), "{start} of {rest}");
        }
        assert!(length(b"PK\x03\x04\0\0\0\0", 1 << 30).is_err(), "a zip archive");
        assert!(length(b"\x80\x02}q\0X\0\0", 1 << 40).is_err(), "a pickle");
        assert!(length(b"", 0).is_err());
    }

    #[test]
    fn ranges_of_tensors_are_checked() {
        let up = r#""lora_unet_x.lora_up.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}"#;
        let good = |text: &str, data| check(text.as_bytes(), data);
        assert_eq!(good(&format!("{{{up}}}"), 24), Ok(Tensors { lora: true }));
        assert_eq!(good(&format!("{{\"__metadata__\":{{\"a\":\"b\"}},{up}}}   "), 24), Ok(Tensors { lora: true }));
        let scalar = r#"{"emb":{"dtype":"F16","shape":[],"data_offsets":[4,6]},
            "b":{"dtype":"I8","shape":[4,1],"data_offsets":[0,4]}}"#;
        assert_eq!(good(scalar, 6), Ok(Tensors { lora: false }));
        for (bad, data) in [
            ("".to_string(), 0),
            ("{}".into(), 0),
            ("[]".into(), 0),
            ("{\"__metadata__\":{}}".into(), 0),
            (format!("{{{up}}}"), 25),
            (format!("{{{up}}}"), 23),
            (format!("{{\"__metadata__\":{{\"a\":1}},{up}}}"), 24),
            (format!("{{{}}}", up.replace("[0,24]", "[1,25]")), 25),
            (format!("{{{}}}", up.replace("[0,24]", "[24,0]")), 24),
            (format!("{{{}}}", up.replace("[0,24]", "[0,24,48]")), 24),
            (format!("{{{}}}", up.replace("[2,3]", "[2,-3]")), 24),
            (format!("{{{}}}", up.replace("[2,3]", "[9007199254740992,9007199254740992]")), 24),
            (format!("{{{}}}", up.replace("F32", "Q4")), 24),
            (format!("{{{up},{}}}", up.replace("lora_up", "lora_down")), 24),
            (format!("{{{up},\"x\":7}}"), 24),
            ("[".repeat(10_000), 0),
        ] {
            assert!(good(&bad, data).is_err(), "{bad}");
        }
    }
}
