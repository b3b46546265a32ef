//! The shapes of the replies: `protocol::runner` as OpenAPI shows it. A test compares them with the types.

use store::shape::{DRAW_PARAMS, TRAIN_PARAMS};
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

/// `protocol::runner::UploadedPart`
pub const STORED_PART: Shape = Shape::Object(&[
    Property::new("number", Shape::Int, "From 1."),
    Property::new("etag", Shape::Text, "The object store's name for the part."),
]);

/// `protocol::runner::DatasetPage`
pub const DATASET_PAGE: Shape = Shape::Object(&[
    Property::new("images", Shape::List(&DATASET_IMAGE), "By ascending id."),
    Property::optional("next", Shape::Int, "Pass it as `after` for the next page."),
]);

const DATASET_IMAGE: Shape = Shape::Object(&[
    Property::new("id", Shape::Int, "The `index` of its file."),
    Property::new("size", Shape::Int, "Bytes."),
    Property::new("sha256", Shape::Text, "Lower-case hex."),
    Property::new("caption", Shape::Text, "Empty where there is none."),
]);

/// `protocol::runner::Claim`
pub const CLAIM: Shape = Shape::Object(&[
    Property::new("task_id", Shape::Int, "The task that was handed out."),
    Property::new("attempt", Shape::Int, "Number of this attempt, from 1."),
    Property::new("lease", Shape::Text, "32 hex digits; every callback repeats it."),
    Property::new("lease_ms", Shape::Int, "Milliseconds the lease holds without a callback."),
    Property::new("type", Shape::OneOf(&["inference", "training"]), "What `params` are."),
    Property::new("params", Shape::AnyOf(&[DRAW_PARAMS, TRAIN_PARAMS]), "The work."),
    Property::optional("state", SAVED_STATE, "Where a training goes on."),
]);

/// `protocol::runner::SavedState`
const SAVED_STATE: Shape = Shape::Object(&[
    Property::new("step", Shape::Int, "Steps done."),
    Property::new("size", Shape::Int, "Bytes."),
    Property::new("sha256", Shape::Text, "Lower-case hex."),
]);

#[cfg(test)]
mod tests {
    use protocol::runner::{
        AdapterKind, Checkpoint, Claim, DatasetImage, DatasetPage, DrawParams, Lora, ProgressReply, SavedState,
        TrainParams, UploadedPart, Work,
    };
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
        let least = json!({"type": "ti", "name": "a", "trigger_words": "", "batch_size": 1, "rank": 1, "seed": 0});
        let most = json!({"type": "ckp", "name": "a", "model": {"model_id": 1, "name": "m", "size": 1},
            "trigger_words": "", "steps": 1, "epochs": 1, "learning_rate": 0.1, "batch_size": 1, "rank": 1,
            "resolution": 64, "seed": 0});
        for params in [least, most] {
            let params: TrainParams = serde_json::from_value(params).unwrap();
            let state = Some(SavedState { step: 1, size: 1, sha256: "0".into() });
            let work = Work::Training(params);
            assert_shape(&CLAIM, &json!(Claim { task_id: 1, attempt: 1, lease: "0".into(), lease_ms: 1, work, state }));
        }
        let images = vec![DatasetImage { id: 1, size: 1, sha256: "0".into(), caption: String::new() }];
        assert_shape(&DATASET_PAGE, &json!(DatasetPage { images, next: Some(1) }));
        assert_shape(&STORED_PART, &json!(UploadedPart { number: 1, etag: "e".into() }));
        assert_shape(&PROGRESS, &json!(ProgressReply { cancel: true }));
    }
}
