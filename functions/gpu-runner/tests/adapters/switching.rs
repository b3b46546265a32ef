use std::path::PathBuf;

use candle_core::DType;
use gpu_runner::Code;
use gpu_runner::backend::{Control, DrawJob};
use gpu_runner::pipeline::memory;

use crate::fixture::Fixture;

/// Bit for bit, in any order, on one loaded model.
#[test]
fn switching_leaves_nothing_behind() {
    let mut fixture = Fixture::open("sd15");
    let none: [(&str, f64); 0] = [];
    let [kohya, both, twice, other] =
        [&[("kohya", 0.8)][..], &[("kohya", 0.8), ("peft", -0.3)], &[("peft", 0.2), ("peft", 0.3)], &[("kohya", 0.3)]];
    let mut under = |files: &[(&str, f64)]| {
        fixture.drawn(|fixture, job| job.loras = files.iter().map(|(name, w)| (fixture.file(name), *w)).collect())
    };
    let (plain, first) = (under(&none), under(kohya));
    let second = under(both);
    assert!(plain != first && first != second && under(other) != first);
    assert!(under(twice) != plain);
    assert!(under(kohya) == first && under(&none) == plain && under(both) == second);
    assert!(under(&[("kohya", 0.0)]) == plain);
}

#[test]
fn what_is_learned_or_bent_ends_with_its_job() {
    let mut fixture = Fixture::open("sd15");
    let prompt = |job: &mut gpu_runner::backend::DrawJob| job.params.prompt = "a style fox".into();
    let plain = fixture.drawn(|_, job| prompt(job));
    let learned = fixture.drawn(|fixture, job| {
        prompt(job);
        job.embeddings = vec![(fixture.file("style"), None)];
    });
    let bent = fixture.drawn(|fixture, job| {
        prompt(job);
        job.hypernetworks = vec![(fixture.file("relu"), 1.0)];
        // A network that is built anew has them too.
        job.loras = vec![(fixture.file("kohya"), 1e-30)];
    });
    assert!(plain != learned && plain != bent && learned != bent);
    assert!(fixture.drawn(|_, job| prompt(job)) == plain);
}

/// A job that can't be done changes nothing for the next one; a file that is replaced is read again.
#[test]
fn a_refused_job_changes_nothing() {
    let mut fixture = Fixture::open("sd15");
    let dir = tempfile::TempDir::new().unwrap();
    let path: PathBuf = dir.path().join("lora.safetensors");
    std::fs::copy(fixture.file("kohya"), &path).unwrap();
    let mut job = fixture.job();
    job.loras = vec![(path.clone(), 0.8)];
    let first = fixture.draw(&job).unwrap();

    let mut refused = job.clone();
    refused.loras.push((dir.path().join("none.safetensors"), 1.0));
    let error = fixture.draw(&refused).unwrap_err();
    assert_eq!((error.code, error.retryable()), (Code::AdapterNotFound, true));
    refused.loras.pop();
    refused.hypernetworks.push((path.clone(), 1.0));
    assert_eq!(fixture.draw(&refused).unwrap_err().code, Code::AdapterMismatch);
    assert!(fixture.draw(&job).unwrap() == first);

    std::fs::remove_file(&path).unwrap();
    std::fs::copy(fixture.file("peft"), &path).unwrap();
    assert!(fixture.draw(&job).unwrap() != first);
}

/// What a job's files make anew, and what they bring, is told before any of it is allocated.
#[test]
fn what_adapters_take_must_fit_as_well() {
    let mut fixture = Fixture::open("sd15");
    let mut model = fixture.loaded();
    // Of a size at which the picture is the least of it.
    let with = |lora: Option<f64>| {
        let mut job = fixture.job();
        (job.params.width, job.params.height) = (8, 8);
        job.loras = lora.map(|strength| (fixture.file("kohya"), strength)).into_iter().collect();
        job
    };
    let plain = model.takes(&with(None)).unwrap();
    let under = model.takes(&with(Some(0.8))).unwrap();
    // The weights of the denoiser alone that this file changes.
    assert!(plain < 20_000 && under > 256_256, "{plain} {under}");
    assert_eq!(model.takes(&with(Some(0.0))).unwrap(), plain);
    let mut drawn = fixture.job();
    drawn.loras = with(Some(0.8)).loras;
    model.draw(&drawn, drawn.check().unwrap(), &mut |_| Control::Continue).unwrap();
    // It is there by now, and to take it back is as much.
    assert_eq!(model.takes(&with(Some(0.8))).unwrap(), plain);
    assert_eq!(model.takes(&with(None)).unwrap(), under);

    let plain = fixture.job();
    let mut bent = fixture.job();
    bent.hypernetworks = vec![(fixture.file("relu"), 1.0)];
    let takes = |job: &DrawJob| fixture.loaded().takes(job).unwrap();
    let (less, more) = (takes(&plain), takes(&bent));
    let length = std::fs::metadata(fixture.file("relu")).unwrap().len();
    assert!(more - less > length / 2 && more - less <= length * 2, "{} of {length}", more - less);
    fixture.budget(memory::weights(&fixture.model, DType::F32).unwrap() + more - 1);
    let error = fixture.draw(&bent).unwrap_err();
    assert_eq!((error.code, error.retryable()), (Code::OutOfMemory, true), "{error}");
    fixture.draw(&plain).unwrap();
    fixture.budget(memory::weights(&fixture.model, DType::F32).unwrap() + more);
    fixture.draw(&bent).unwrap();
}
