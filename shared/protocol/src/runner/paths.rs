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

/// The path of a `DatasetPage` of a training. Takes `?after={id}`.
pub fn dataset_path(task: Id, attempt: i64) -> String {
    format!("dataset/{task}/{attempt}")
}

/// The path of the file of a `DatasetImage`.
pub fn dataset_image_path(task: Id, attempt: i64, image: Id) -> String {
    format!("dataset/{task}/{attempt}/{image}")
}

/// The path of the `SavedState` of a claim. Takes `Range`.
pub fn state_path(task: Id, attempt: i64) -> String {
    format!("state/{task}/{attempt}")
}

/// The path where part `number` of the upload of `key` is put, `out/…` being the key.
pub fn part_path(key: &str, number: u16) -> String {
    format!("part/{}/{number}", key.strip_prefix("out/").unwrap_or(key))
}

/// What the keys of an attempt's objects begin with.
pub fn output_prefix(task: Id, attempt: i64) -> String {
    format!("out/{task}/{attempt}/")
}

/// True for `out/{task}/{attempt}/{32 hex}.png`, the keys a runner may store under this attempt.
pub fn is_output_key(key: &str, task: Id, attempt: i64) -> bool {
    is_key_of(key, task, attempt, ".png")
}

/// True for `out/{task}/{attempt}/{32 hex}.safetensors`: a trained model, or the state of a training.
pub fn is_model_key(key: &str, task: Id, attempt: i64) -> bool {
    is_key_of(key, task, attempt, ".safetensors")
}

fn is_key_of(key: &str, task: Id, attempt: i64, extension: &str) -> bool {
    let name = key.strip_prefix(&output_prefix(task, attempt)).and_then(|name| name.strip_suffix(extension));
    name.is_some_and(domain::id::is_token)
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
        let model = key.replace(".png", ".safetensors");
        assert!(is_model_key(&model, 7, 2) && !is_model_key(&key, 7, 2) && !is_output_key(&model, 7, 2));
        assert_eq!(part_path(&model, 3), format!("part/7/2/{}.safetensors/3", "0f".repeat(16)));
    }
}
