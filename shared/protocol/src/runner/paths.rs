//! The addresses below `/callbacks` where a runner puts its outputs and gets its inputs, and the keys of outputs.
//!
//! A `GET` is signed over an empty body with `webhook-id: get_{path}`, a `PUT` over the object with
//! `webhook-id: put_{key}`; both carry the lease in `LEASE_HEADER`.

use domain::Id;

/// The path of start image `index` of `DrawParams::from_images`, or of its mask, which comes after the last of them.
pub fn input_path(task: Id, attempt: i64, index: usize) -> String {
    format!("in/{task}/{attempt}/{index}")
}

/// The path of the safetensors file of `DrawParams::loras[index]`. Takes `Range`.
pub fn lora_path(task: Id, attempt: i64, index: usize) -> String {
    format!("lora/{task}/{attempt}/{index}")
}

/// The path of the safetensors file of `DrawParams::model`. Takes `Range`.
pub fn model_path(task: Id, attempt: i64) -> String {
    format!("model/{task}/{attempt}")
}

/// What the keys of an attempt's objects begin with.
pub fn output_prefix(task: Id, attempt: i64) -> String {
    format!("out/{task}/{attempt}/")
}

/// True for `out/{task}/{attempt}/{32 hex}.png`, the keys a runner may store under this attempt.
pub fn is_output_key(key: &str, task: Id, attempt: i64) -> bool {
    key.strip_prefix(&output_prefix(task, attempt))
        .and_then(|name| name.strip_suffix(".png"))
        .is_some_and(domain::id::is_token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_of_the_attempt_are_output_keys() {
        let key = format!("out/7/2/{}.png", "0f".repeat(16));
        assert!(is_output_key(&key, 7, 2));
        assert!(!is_output_key(&key, 7, 1));
        assert!(!is_output_key("out/7/2/../../x.png", 7, 2));
        assert!(!is_output_key(&key.replace(".png", ".PNG"), 7, 2));
    }
}
