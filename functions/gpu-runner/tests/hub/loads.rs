use std::fs;
use std::path::Path;
use std::time::Duration;

use gpu_runner::Code;
use gpu_runner::hub::{Hub, Id};

use crate::server::{COMMIT, Fault, Rig, list};
use crate::shards::split;

pub const UNET: &str = "unet/diffusion_pytorch_model.safetensors";

pub fn id() -> Id {
    "org/tiny".parse().unwrap()
}

fn same(loaded: &Path, repository: &Path) {
    for file in list(repository, "") {
        if !file.ends_with(".md") && !file.ends_with(".bin") && !file.starts_with("safety") {
            assert!(fs::read(loaded.join(&file)).unwrap() == fs::read(repository.join(&file)).unwrap(), "{file}");
        }
    }
}

#[test]
fn what_the_index_names_is_loaded_once() {
    let rig = Rig::new();
    let root = rig.repository.path();
    for more in ["README.md", "unet/diffusion_pytorch_model.bin", "unet/diffusion_pytorch_model.fp16.safetensors"] {
        fs::write(root.join(more), "not wanted").unwrap();
    }
    fs::create_dir(root.join("safety_checker")).unwrap();
    fs::write(root.join("safety_checker/model.safetensors"), "not wanted").unwrap();

    let dir = rig.hub().model(&id(), false).unwrap();
    // Where other tools look for it.
    assert!(dir.ends_with(format!("hub/models--org--tiny/snapshots/{COMMIT}")), "{}", dir.display());
    let mut asked: Vec<String> = rig.server.seen().into_iter().map(|(path, _)| path).collect();
    asked.sort();
    asked.retain(|path| !path.starts_with("/api"));
    assert_eq!(asked, list(&dir, ""));
    assert_eq!(asked.len(), 11, "{asked:?}");
    fs::remove_file(root.join("unet/diffusion_pytorch_model.fp16.safetensors")).unwrap();
    same(&dir, root);

    assert_eq!(rig.hub().model(&id(), false).unwrap(), dir);
    assert!(rig.server.seen().iter().all(|(path, _)| path.starts_with("/api")), "loaded again");
}

#[test]
fn what_was_loaded_is_there_without_a_network() {
    let rig = Rig::new();
    let offline = Hub { offline: true, ..rig.hub() };
    let missing = offline.model(&id(), false).unwrap_err();
    assert_eq!(missing.code, Code::ModelNotFound);
    assert!(missing.message.contains("HF_HUB_OFFLINE"), "{missing}");
    assert_eq!(rig.server.seen(), []);

    let dir = rig.hub().model(&id(), false).unwrap();
    rig.server.seen();
    assert_eq!(offline.model(&id(), false).unwrap(), dir);
    let by_commit: Id = format!("org/tiny@{COMMIT}").parse().unwrap();
    assert_eq!(offline.model(&by_commit, false).unwrap(), dir);
    assert_eq!(rig.server.seen(), []);
    let nobody = Hub { endpoint: "http://127.0.0.1:1".into(), ..rig.hub() };
    assert_eq!(nobody.model(&id(), false).unwrap(), dir);

    // Half of it is none of it.
    fs::remove_file(dir.join(UNET)).unwrap();
    assert_eq!(offline.model(&id(), false).unwrap_err().code, Code::ModelNotFound);
    assert_eq!(nobody.model(&id(), false).unwrap_err().code, Code::HubUnreachable);
    assert_eq!(rig.hub().model(&id(), false).unwrap(), dir);
    same(&dir, rig.repository.path());
}

/// Within one call, and in a later one: what came is not asked for again.
#[test]
fn a_cut_transfer_goes_on_where_it_was() {
    let rig = Rig::new();
    let patient = Hub { pauses: vec![Duration::ZERO; 2], ..rig.hub() };
    rig.server.fault(UNET, Fault::Cut(10_000, 5));
    let error = patient.model(&id(), false).unwrap_err();
    assert_eq!(error.code, Code::HubUnreachable);
    assert!(error.message.contains("org/tiny") && error.message.contains(UNET), "{error}");

    let dir = patient.model(&id(), false).unwrap();
    let ranges: Vec<String> =
        rig.server.seen().into_iter().filter(|(path, _)| path == UNET).map(|(_, range)| range).collect();
    let expected: Vec<String> = (0..6).map(|i| format!("bytes={}-", i * 10_000)).collect();
    assert_eq!(ranges, expected);
    same(&dir, rig.repository.path());
}

/// A connection that stays and sends nothing ends all the same.
#[test]
fn a_stalled_transfer_goes_on_where_it_was() {
    let rig = Rig::new();
    let patient = Hub { pauses: vec![Duration::ZERO; 2], patience: Duration::from_millis(300), ..rig.hub() };
    rig.server.fault(UNET, Fault::Stall(10_000, 2));
    let dir = patient.model(&id(), false).unwrap();
    let ranges: Vec<String> =
        rig.server.seen().into_iter().filter(|(path, _)| path == UNET).map(|(_, range)| range).collect();
    assert_eq!(ranges, ["bytes=0-", "bytes=10000-", "bytes=20000-"]);
    same(&dir, rig.repository.path());

    let rig = Rig::new();
    let hurried = Hub { patience: Duration::from_millis(300), ..rig.hub() };
    for path in ["/api/models/org/tiny/revision/main", "model_index.json"] {
        rig.server.fault(path, Fault::Silence);
        let error = hurried.model(&id(), false).unwrap_err();
        assert_eq!(error.code, Code::HubUnreachable, "{error}");
        assert!(error.message.contains("stopped sending"), "{error}");
        rig.server.well();
    }
}

#[test]
fn weights_in_several_files_are_loaded_with_their_index() {
    const SECOND: &str = "unet/diffusion_pytorch_model-00002-of-00002.safetensors";
    let rig = Rig::new();
    let root = rig.repository.path();
    split(&root.join("unet"), "diffusion_pytorch_model", 2);
    let dir = rig.hub().model(&id(), false).unwrap();
    same(&dir, root);
    let offline = Hub { offline: true, ..rig.hub() };
    assert_eq!(offline.model(&id(), false).unwrap(), dir);
    // One part less is none of it.
    fs::remove_file(dir.join(SECOND)).unwrap();
    assert_eq!(offline.model(&id(), false).unwrap_err().code, Code::ModelNotFound);
    assert_eq!(rig.hub().model(&id(), false).unwrap(), dir);
    same(&dir, root);

    let other = Rig::new();
    split(&other.repository.path().join("unet"), "diffusion_pytorch_model", 2);
    fs::remove_file(other.repository.path().join(SECOND)).unwrap();
    let error = other.hub().model(&id(), false).unwrap_err();
    assert_eq!(error.code, Code::ModelNotFound);
    assert!(error.message.contains(SECOND), "{error}");
    let index = other.repository.path().join("unet/diffusion_pytorch_model.safetensors.index.json");
    let text = fs::read_to_string(&index).unwrap();
    fs::write(&index, text.replace("diffusion_pytorch_model-00002", "../../diffusion_pytorch_model-00002")).unwrap();
    other.server.seen();
    assert_eq!(other.hub().model(&id(), false).unwrap_err().code, Code::WeightsInvalid);
    assert!(other.server.seen().iter().all(|(path, _)| !path.contains("-of-")), "parts were asked for");
}
