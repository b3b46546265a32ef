use std::fs;

use gpu_runner::Code;
use gpu_runner::hub::Hub;
use serde_json::{Value, json};

use crate::loads::{UNET, id};
use crate::server::{Fault, Rig, list};

const API: &str = "/api/models/org/tiny/revision/main";
const INDEX: &str = "model_index.json";

#[test]
fn refusals_are_told_apart() {
    let rig = Rig::new();
    let cases = [
        (API, 401, Code::HubDenied),
        (API, 403, Code::HubDenied),
        (API, 404, Code::ModelNotFound),
        (API, 429, Code::HubUnreachable),
        (API, 500, Code::HubUnreachable),
        (API, 418, Code::HubFailed),
        (INDEX, 401, Code::HubDenied),
        (UNET, 403, Code::HubDenied),
        (UNET, 503, Code::HubUnreachable),
    ];
    for (path, status, code) in cases {
        rig.server.fault(path, Fault::Status(status));
        let error = rig.hub().model(&id(), false).unwrap_err();
        assert_eq!(error.code, code, "{path} {status}: {error}");
        assert!(error.message.contains("org/tiny"), "{error}");
        assert_eq!(error.message.contains("HF_TOKEN"), code == Code::HubDenied, "{error}");
        rig.server.well();
    }
    let nobody = Hub { endpoint: "http://127.0.0.1:1".into(), ..rig.hub() };
    assert_eq!(nobody.model(&id(), false).unwrap_err().code, Code::HubUnreachable);
    let none = "org/other".parse().unwrap();
    assert_eq!(rig.hub().model(&none, false).unwrap_err().code, Code::ModelNotFound);
}

#[test]
fn what_a_repository_lacks_is_named() {
    let rig = Rig::new();
    let root = rig.repository.path();
    let without = |file: &str, instead: &[&str]| {
        let bytes = fs::read(root.join(file)).unwrap();
        fs::remove_file(root.join(file)).unwrap();
        instead.iter().for_each(|file| fs::write(root.join(file), "").unwrap());
        let error = rig.hub().model(&id(), false).unwrap_err();
        instead.iter().for_each(|file| fs::remove_file(root.join(file)).unwrap());
        fs::write(root.join(file), bytes).unwrap();
        error
    };
    for file in [UNET, "vae/config.json", "scheduler/scheduler_config.json", "tokenizer/tokenizer_config.json"] {
        let error = without(file, &[]);
        assert_eq!(error.code, Code::ModelNotFound);
        assert!(error.message.contains(file), "{error}");
    }
    assert_eq!(without(INDEX, &[]).code, Code::ModelNotFound);
    let pickles = [
        (UNET, "unet/diffusion_pytorch_model.bin", "PyTorch"),
        ("text_encoder/model.safetensors", "text_encoder/pytorch_model.bin", "PyTorch"),
    ];
    for (file, instead, word) in pickles {
        let error = without(file, &[instead]);
        assert_eq!(error.code, Code::ModelUnsupported);
        assert!(error.message.contains(word), "{error}");
    }
    rig.hub().model(&id(), false).unwrap();
}

/// What a server says never becomes a path outside of the cache, and what it sends is looked at.
#[test]
fn a_server_that_lies_is_found_out() {
    let rig = Rig::new();
    let outside = rig.home.path().join("outside");
    fs::create_dir(&outside).unwrap();
    for name in ["../../../outside/x", "/etc/passwd", "", "a b", "..", "x/y"] {
        rig.server.fault(INDEX, Fault::Named(name));
        assert_eq!(rig.hub().model(&id(), false).unwrap_err().code, Code::HubFailed, "{name:?}");
    }
    rig.server.fault(INDEX, Fault::Lost);
    assert_eq!(rig.hub().model(&id(), false).unwrap_err().code, Code::HubFailed);
    assert_eq!(list(rig.home.path(), ""), [""; 0]);
    rig.server.well();

    let index = rig.repository.path().join(INDEX);
    let original = fs::read(&index).unwrap();
    let mut hostile: Value = serde_json::from_slice(&original).unwrap();
    hostile["../../../outside"] = json!(["diffusers", "X"]);
    hostile["unet"] = json!({"1": "../x"});
    fs::write(&index, hostile.to_string()).unwrap();
    // A network less is a directory that loads as none.
    let dir = rig.hub().model(&id(), false).unwrap();
    assert!(!dir.join(UNET).exists());
    fs::write(&index, "[").unwrap();
    assert_eq!(rig.hub().model(&id(), false).unwrap_err().code, Code::ModelConfigInvalid);
    fs::write(&index, original).unwrap();

    let expected = fs::read(rig.repository.path().join(UNET)).unwrap();
    rig.server.fault(UNET, Fault::Other);
    assert_eq!(rig.hub().model(&id(), false).unwrap_err().code, Code::HubUnreachable);
    assert!(!dir.join(UNET).exists());
    rig.server.fault(UNET, Fault::Cut(5_000, 1));
    assert!(rig.hub().model(&id(), false).is_err());
    // What goes on with other bytes is not taken for the whole; from the start it is right.
    rig.server.fault(UNET, Fault::Status(503));
    assert!(rig.hub().model(&id(), false).is_err());
    let blobs = rig.hub().cache.join("models--org--tiny/blobs");
    let part = fs::read_dir(&blobs).unwrap().flatten().find(|e| e.path().extension().is_some_and(|e| e == "part"));
    fs::write(part.unwrap().path(), vec![0; 5_000]).unwrap();
    rig.server.well();
    assert_eq!(rig.hub().model(&id(), false).unwrap_err().code, Code::HubUnreachable);
    let dir = rig.hub().model(&id(), false).unwrap();
    assert!(fs::read(dir.join(UNET)).unwrap() == expected);
    assert_eq!(list(&outside, ""), [""; 0]);
}
