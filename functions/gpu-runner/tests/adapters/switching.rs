use std::path::PathBuf;

use gpu_runner::Code;

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
