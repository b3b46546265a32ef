//! The shapes of the replies: `protocol::runner` as OpenAPI shows it. A test compares them with the types.

use store::shape::DRAW_PARAMS;
use store::{Property, Shape};

/// Nothing to say.
pub const EMPTY: Shape = Shape::Object(&[]);

/// `protocol::runner::ProgressReply`
pub const PROGRESS: Shape =
    Shape::Object(&[Property::new("cancel", Shape::Bool, "The user canceled the task: stop within one step.")]);

/// A stored output.
pub const STORED: Shape = Shape::Object(&[
    Property::new("key", Shape::Text, "Names the object in the result."),
    Property::new("size", Shape::Int, "Bytes."),
    Property::new("sha256", Shape::Text, "Lower-case hex."),
]);

/// `protocol::runner::Claim`
pub const CLAIM: Shape = Shape::Object(&[
    Property::new("task_id", Shape::Int, "The task that was handed out."),
    Property::new("attempt", Shape::Int, "Number of this attempt, from 1."),
    Property::new("lease", Shape::Text, "32 hex digits; every callback repeats it."),
    Property::new("lease_ms", Shape::Int, "Milliseconds the lease holds without a callback."),
    Property::new("type", Shape::OneOf(&["inference", "training"]), "What `params` are."),
    Property::new("params", DRAW_PARAMS, "The work."),
]);

#[cfg(test)]
mod tests {
    use protocol::runner::{AdapterKind, Checkpoint, Claim, DrawParams, Lora, ProgressReply, Work};
    use serde_json::json;
    use testkit::assert_shape;

    use super::*;

    #[test]
    fn shapes_are_those_of_the_types() {
        let lora = |kind, word: Option<&str>| Lora {
            model_id: 1,
            weight: 0.5,
            kind,
            word: word.map(Into::into),
            size: 1,
            sha256: word.map(Into::into),
        };
        let least = DrawParams {
            prompt: "a".into(),
            negative_prompt: String::new(),
            width: 64,
            height: 64,
            num_inference_steps: 1,
            guidance_scale: 7.5,
            scheduler: "DDIM".into(),
            seed: 0,
            n: 1,
            from_images: Vec::new(),
            strength: None,
            mask: None,
            auto_aspect: false,
            loras: Vec::new(),
            model: None,
        };
        let most = DrawParams {
            from_images: vec!["a".into()],
            strength: Some(0.5),
            mask: Some("a".into()),
            auto_aspect: true,
            loras: vec![
                lora(AdapterKind::Lora, None),
                lora(AdapterKind::Hyper, None),
                lora(AdapterKind::Ti, Some("w")),
            ],
            model: Some(Checkpoint { model_id: 1, name: "m".into(), size: 1, sha256: Some("0".into()) }),
            ..least.clone()
        };
        for params in [least, most] {
            let claim = Claim {
                task_id: 1,
                attempt: 1,
                lease: "0".into(),
                lease_ms: 1,
                work: Work::Inference(params),
                state: None,
            };
            assert_shape(&CLAIM, &json!(claim));
        }
        assert_shape(&PROGRESS, &json!(ProgressReply { cancel: true }));
    }
}
