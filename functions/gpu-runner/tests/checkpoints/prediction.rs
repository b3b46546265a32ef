use std::path::Path;

use gpu_runner::checkpoint::Checkpoint;
use gpu_runner::pipeline::Parts;
use gpu_runner::{Code, DrawError};
use serde_json::{Value, json};

use crate::family::{Entry, Family};
use crate::full::sparse;

fn predicted(path: &Path) -> Result<(Value, Value), DrawError> {
    let config = Checkpoint::open(path, None)?.config("scheduler").unwrap();
    Ok((config.get("prediction_type").unwrap().clone(), config.get("rescale_betas_zero_snr").unwrap().clone()))
}

/// Metadata before marks before the file beside before the family.
#[test]
fn what_is_predicted_is_told_in_this_order() {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("m.safetensors");
    let yaml = dir.path().join("m.yaml");
    let (noise, v) = ((json!("epsilon"), json!(false)), (json!("v_prediction"), json!(false)));
    for (name, by_family) in [("sd1", &noise), ("sd2", &v), ("sdxl", &noise)] {
        let mut family = Family::read(name);
        sparse(&family, json!({}), &path);
        assert_eq!(predicted(&path).unwrap(), *by_family, "{name}");

        std::fs::write(&yaml, "model:\n  params:\n    parameterization: \"v\"  \n    linear_start: 0.00085\n").unwrap();
        assert_eq!(predicted(&path).unwrap(), v, "{name} with a file beside it");
        std::fs::write(&yaml, "model:\n  params:\n    linear_start: 0.00085\n").unwrap();
        assert_eq!(predicted(&path).unwrap(), noise, "{name} with a file beside it");

        sparse(&family, json!({"modelspec.prediction_type": "v"}), &path);
        assert_eq!(predicted(&path).unwrap(), v, "{name} with metadata");
        sparse(&family, json!({"modelspec.prediction_type": "epsilon"}), &path);
        assert_eq!(predicted(&path).unwrap(), noise, "{name} with metadata");
        sparse(&family, json!({"modelspec.prediction_type": "flow"}), &path);
        assert_eq!(predicted(&path).unwrap_err().code, Code::ModelUnsupported);

        family.tensors.push(Entry("v_pred".into(), vec![0], vec![]));
        sparse(&family, json!({}), &path);
        assert_eq!(predicted(&path).unwrap(), v, "{name} with a mark");
        family.tensors.push(Entry("ztsnr".into(), vec![0], vec![]));
        sparse(&family, json!({}), &path);
        assert_eq!(predicted(&path).unwrap(), (json!("v_prediction"), json!(true)), "{name} with both marks");
        std::fs::remove_file(&yaml).unwrap();
    }
}
