use gpu_runner::backend::DrawJob;

use crate::fixture::Fixture;

fn loras(files: &[(&str, f64)]) -> impl FnOnce(&Fixture, &mut DrawJob) {
    move |fixture, job| job.loras = files.iter().map(|(name, weight)| (fixture.file(name), *weight)).collect()
}

/// kohya's names with alphas, and ranks that differ from layer to layer, text encoder included; convolutions of three
/// and of one pixel, without alphas; the reference's own names with alphas in the header; all three at once.
#[test]
fn loras_change_what_the_reference_changes() {
    let mut fixture = Fixture::open("sd15");
    fixture.compare("plain", |_, _| {});
    fixture.compare("kohya", loras(&[("kohya", 0.8)]));
    fixture.compare("locon", loras(&[("locon", 1.0)]));
    fixture.compare("peft", loras(&[("peft", 1.0)]));
    fixture.compare("three", loras(&[("kohya", 0.5), ("locon", -0.4), ("peft", 0.9)]));
}

/// Names of the original blocks, and two text encoders.
#[test]
fn loras_of_sdxl_change_what_the_reference_changes() {
    let mut fixture = Fixture::open("sdxl");
    fixture.compare("plain", |_, _| {});
    fixture.compare("kohya", loras(&[("kohya", 0.8)]));
}

#[test]
fn learned_words_are_those_of_the_reference() {
    let mut fixture = Fixture::open("sd15");
    fixture.compare("embeddings", |fixture, job| {
        job.params.prompt = "a <Fennec>, Style<fennec>in the snow, style".into();
        job.embeddings = vec![(fixture.file("style"), None), (fixture.file("learned"), None)];
    });
    fixture.compare("embeddings", |fixture, job| {
        job.params.prompt = "a 狐, FIXED 狐 in the snow, fixed".into();
        job.embeddings =
            vec![(fixture.file("style"), Some("fixed".into())), (fixture.file("learned"), Some("狐".into()))];
    });
    let mut fixture = Fixture::open("sdxl");
    fixture.compare("embeddings", |fixture, job| {
        job.params.prompt = "a style fox".into();
        job.embeddings = vec![(fixture.file("style"), None)];
    });
}

/// Two, one after the other: with norms, and with an activation at the end.
#[test]
fn hypernetworks_bend_what_they_are_defined_to_bend() {
    let mut fixture = Fixture::open("sd15");
    fixture.compare("hypernetworks", |fixture, job| {
        job.hypernetworks = vec![(fixture.file("relu"), 0.7), (fixture.file("swish"), -0.5)];
    });
}
