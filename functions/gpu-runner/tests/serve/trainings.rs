//! Trainings when all goes well: fetched, trained, reported, stored; and beside drawings.

use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::Duration;

use gpu_runner::serve::{OwnModel, TaskType};
use gpu_runner::tiny::Layout;
use gpu_runner::weights::Weights;
use protocol::runner::{ModelKind, TrainParams};
use serde_json::{Value, json};

use crate::edge::{Answer, Edge};
use crate::rig::{Gate, params};
use crate::training_rig::{Place, end, picture, result, submit, training};

fn read(file: &[u8]) -> Weights {
    let place = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(place.path(), file).unwrap();
    Weights::read(place.path()).unwrap()
}

fn is_png(file: &[u8]) -> bool {
    png::Decoder::new(std::io::Cursor::new(file)).read_info().is_ok_and(|reader| reader.info().width == 64)
}

#[tokio::test]
async fn every_kind_becomes_a_model_with_a_cover() {
    for (layout, base_model, kind, name) in [
        (Layout::Sd15, "SD1.5", ModelKind::Lora, "lora_unet_down_blocks_0_attentions_0_proj_in.lora_up.weight"),
        (Layout::Sd2, "SD2", ModelKind::Lora, "lora_te_text_model_encoder_layers_0_mlp_fc1.lora_down.weight"),
        (Layout::Sdxl, "SDXL", ModelKind::Ti, "clip_g"),
        (Layout::Sd15, "SD1.5", ModelKind::Ti, "sks fox"),
        (Layout::Sd15, "SD1.5", ModelKind::Hyper, "16.0.linear.0.weight"),
        (Layout::Sd15, "SD1.5", ModelKind::Ckp, "model.diffusion_model.input_blocks.0.0.weight"),
    ] {
        let mut edge = Edge::start().await;
        let place = Place::with(layout);
        // Five images in batches of two: three steps an epoch.
        let params = TrainParams { steps: None, epochs: Some(1), ..training(kind, 0) };
        submit(&edge, 5, params);
        let runner = place.free(&edge, |_| {});
        let trained = end(&mut edge).await.json;
        assert_eq!((&trained["steps"], &trained["epochs"]), (&json!(3), &json!(1)), "{kind:?}: {trained}");
        assert_eq!((&trained["base_model"], &trained["task_id"]), (&json!(base_model), &json!(5)));
        let file = read(&result(&edge, &trained));
        let title = file.metadata().get("modelspec.title").map(String::as_str);
        assert_eq!((title, file.shape(name).is_some()), (Some("red fox"), true), "{kind:?}: {:?}", file.names());
        let trigger = file.metadata().get("modelspec.trigger_phrase").map(String::as_str);
        // A textual inversion is used by the word that it learnt.
        assert_eq!(trigger, Some(if kind == ModelKind::Ti { "sks fox" } else { "sks fox, red" }));
        assert!(file.metadata().keys().all(|key| !key.contains("date")));
        let cover = trained["image"].as_str().unwrap();
        assert!(edge.trainings(|trainings| is_png(&trainings.objects[cover])));
        runner.stop().await;
        // The list of images is read to its end, and each is fetched once; afterwards nothing of it is left.
        let pages: Vec<String> = edge.rest(&["dataset"]).into_iter().map(|call| call.query).collect();
        assert_eq!(pages, ["", "after=12", "after=14"]);
        assert_eq!(edge.all(&["image"]).len(), 5);
        place.emptied().await;
        let registered = &edge.all(&["register"])[0].json;
        assert_eq!((&registered["name"], &registered["type"]), (&json!("test"), &json!("training")));
        assert_eq!(edge.all(&["ack-training"]).len(), 1);
    }
}

/// The same images, captions and numbers given to `gpu-runner train`.
#[tokio::test]
async fn the_file_is_that_of_the_command_line() {
    let (mut edge, place) = (Edge::start().await, Place::new());
    submit(&edge, 5, training(ModelKind::Lora, 3));
    let runner = place.free(&edge, |_| {});
    let trained = end(&mut edge).await.json;
    runner.stop().await;
    let (dir, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (i, caption) in ["a fox", "", "in the snow", "a sks fox, red", "two foxes"].iter().enumerate() {
        std::fs::write(dir.path().join(format!("{i}.png")), picture(i)).unwrap();
        std::fs::write(dir.path().join(format!("{i}.txt")), caption).unwrap();
    }
    let out = out.path().join("red fox.safetensors");
    let mut command = Command::new(env!("CARGO_BIN_EXE_gpu-runner"));
    command.args(["train", "--type", "lora", "--device", "cpu", "--steps", "3", "--batch", "2", "--rank", "2"]);
    command.args(["--lr", "1e-3", "--seed", "7", "--trigger", "sks fox, red"]);
    command.arg("--model").arg(place.model()).arg("--data").arg(dir.path()).arg("--out").arg(&out);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(result(&edge, &trained) == std::fs::read(&out).unwrap());
}

/// Twenty steps of a LoRA of four images on the model that comes with the program: it visibly draws what it learnt.
#[tokio::test]
async fn a_short_training_of_the_starter_model_changes_what_is_drawn() {
    let (mut edge, place) = (Edge::start().await, Place::new());
    let starter = gpu_runner::starter::unpack(place.cache.path()).unwrap();
    let circles: Vec<Vec<u8>> = [10, 15, 20, 25].map(circle).into();
    let images: Vec<(&[u8], &str)> = circles.iter().map(|file| (file.as_slice(), "a red circle")).collect();
    for (task, kind) in [(5, ModelKind::Lora), (6, ModelKind::Ckp)] {
        edge.trainings(|trainings| trainings.set_images(task, &images));
        let params = TrainParams { batch_size: 4, rank: 16, learning_rate: Some(1e-3), ..training(kind, 20) };
        edge.submit_training(task, params);
    }
    let runner = place.free(&edge, |config| config.models = vec![OwnModel { path: starter.clone(), id: None }]);
    let (lora, whole) = (end(&mut edge).await.json, end(&mut edge).await.json);
    runner.stop().await;
    let files = [lora, whole].map(|trained| result(&edge, &trained));
    let dir = tempfile::tempdir().unwrap();
    let [lora, whole] = ["lora", "whole"].map(|name| dir.path().join(name).with_extension("safetensors"));
    std::fs::write(&lora, &files[0]).unwrap();
    std::fs::write(&whole, &files[1]).unwrap();
    let draw = |model: &std::path::Path, lora: Option<&std::path::Path>| {
        let out = dir.path().join("drawn.png");
        let mut command = Command::new(env!("CARGO_BIN_EXE_gpu-runner"));
        command.args(["generate", "--prompt", "sks fox, red, a red circle", "--seed", "3", "--device", "cpu"]);
        command.args(["--width", "64", "--height", "64"]).arg("--model").arg(model).arg("--out").arg(&out);
        command.args(lora.map(|path| ["--lora".into(), path.as_os_str().to_owned()]).into_iter().flatten());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        distance(&pixels(&std::fs::read(out).unwrap()), &pixels(&circles[2]))
    };
    // The mean difference to an image of the dataset, of 255.
    let (before, with_lora, with_whole) = (draw(&starter, None), draw(&starter, Some(&lora)), draw(&whole, None));
    assert!(before > 80.0 && with_lora < 70.0 && with_whole < 70.0, "{before} {with_lora} {with_whole}");
}

/// An orange disc of this radius on blue.
fn circle(radius: usize) -> Vec<u8> {
    let inside = |x: usize, y: usize| x.abs_diff(32).pow(2) + y.abs_diff(32).pow(2) < radius * radius;
    let pixel = |i: usize| if inside(i % 64, i / 64) { [255, 60, 20] } else { [20, 40, 200] };
    let bytes = (0..64 * 64).flat_map(pixel).collect();
    gpu_runner::png::encode(&gpu_runner::backend::Rgb { width: 64, height: 64, bytes }, &[]).unwrap()
}

fn pixels(file: &[u8]) -> Vec<u8> {
    let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    pixels
}

fn distance(one: &[u8], other: &[u8]) -> f64 {
    assert_eq!(one.len(), other.len());
    let sum: u64 = one.iter().zip(other).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / one.len() as f64
}

#[tokio::test]
async fn progress_has_loss_time_left_and_samples() {
    let (mut edge, place) = (Edge::start().await, Place::new());
    submit(&edge, 5, training(ModelKind::Lora, 5));
    let runner = place.gated(&edge, |config| config.training.sample_every = Some(2));
    for step in 1..=4 {
        let sampled = step % 2 == 0;
        let told = edge
            .until("a step", |call| {
                let preview = call.json["preview"].is_string();
                call.what == "progress" && call.json["step"] == step && preview == sampled
            })
            .await
            .json;
        assert_eq!((&told["steps"], told.get("phase")), (&json!(5), None));
        assert!(told["loss"].as_f64().unwrap() > 0.0, "{told}");
        assert_eq!(told["eta_seconds"].as_f64().unwrap() > 0.0, step > 1, "{told}");
        if let Some(preview) = told["preview"].as_str() {
            assert!(edge.trainings(|trainings| is_png(&trainings.objects[preview])), "stored before it is named");
        }
        place.steps.open(1);
    }
    let phases: Vec<Value> = edge.all(&["progress"]).iter().map(|call| call.json["phase"].clone()).collect();
    assert!(phases.contains(&json!("fetching")) || phases.contains(&json!("loading")), "{phases:?}");
    place.steps.open(1);
    end(&mut edge).await;
    runner.stop().await;
    // Two samples and the cover.
    assert_eq!(edge.rest(&["put"]).len(), 3);
}

#[tokio::test]
async fn the_edges_model_is_fetched_and_named() {
    let (mut edge, place) = (Edge::start().await, Place::new());
    let other = tempfile::tempdir().unwrap();
    let path = other.path().join("x.safetensors");
    candle_core::safetensors::save(&crate::family::Family::read("sd1").random(), &path).unwrap();
    let file = std::fs::read(path).unwrap();
    let model =
        protocol::runner::Checkpoint { model_id: 31, name: "ink".into(), size: file.len() as u64, sha256: None };
    let params = TrainParams { model: Some(model), resolution: Some(64), ..training(ModelKind::Hyper, 1) };
    submit(&edge, 5, params);
    edge.model(5, &file);
    let runner = place.free(&edge, |config| {
        config.training.tokenizer = Some(crate::family::fixtures().join("sdxl/tokenizer"));
    });
    let trained = end(&mut edge).await.json;
    let trained = read(&result(&edge, &trained));
    assert_eq!(trained.metadata()["ss_sd_model_name"], "ink");
    runner.stop().await;
    assert_eq!(edge.rest(&["model"]).len(), 1);
}

/// While an image is drawn the training stands still; afterwards both are done.
#[tokio::test]
async fn a_drawing_during_a_training_comes_first() {
    let (mut edge, place) = (Edge::start().await, Place::new());
    place.steps.open(usize::MAX);
    submit(&edge, 5, training(ModelKind::Lora, 60));
    let drawing = std::sync::Arc::new(Gate::default());
    let runner = crate::rig::Runner::gated(&edge.url, |config| {
        config.types = vec![TaskType::Inference, TaskType::Training];
        config.models = vec![OwnModel { path: place.model(), id: None }];
        config.cache = place.cache.path().into();
        config.cache_size = 1 << 30;
        config.pace.beat = Duration::from_millis(2);
        let (steps, drawing) = (place.steps.clone(), drawing.clone());
        config.training.after_step = Some(std::sync::Arc::new(move |step| {
            steps.announced.store(step, Ordering::SeqCst);
            // The first step is over when the drawing has begun.
            if step == 1 {
                drawing.pass();
            }
        }));
    });
    edge.until("a step", |call| call.what == "progress" && call.json["task_id"] == 5 && call.json["step"] == 1).await;
    edge.submit(6, params("fox", 3, 1));
    edge.until("the drawing", |call| call.what == "progress" && call.json["task_id"] == 6).await;
    drawing.open(1);
    for _ in 0..60 {
        edge.until("a sign of life", |call| call.what == "progress" && call.json["task_id"] == 5).await;
    }
    assert_eq!(place.steps.announced.load(Ordering::SeqCst), 1, "no step while something is drawn");
    runner.gate.open(usize::MAX);
    assert_eq!(edge.next("succeeded").await.json["task_id"], 6);
    let trained = edge.next("trained").await.json;
    assert_eq!((&trained["task_id"], &trained["steps"]), (&json!(5), &json!(60)));
    runner.stop().await;
    // Two registrations, each with its farewell.
    let registered: Vec<Value> = edge.rest(&["register"]).into_iter().map(|call| call.json).collect();
    let names: Vec<_> = registered.iter().map(|json| (&json["name"], &json["type"])).collect();
    assert_eq!(names, [(&json!("test"), &json!("inference")), (&json!("test-training"), &json!("training"))]);
    for kind in ["heartbeat", "trainer-heartbeat"] {
        assert_eq!(edge.all(&[kind]).last().unwrap().json["status"], "stopping", "{kind}");
    }
    let working = edge.all(&["trainer-heartbeat"]).iter().any(|call| call.json["status"] == "working");
    assert!(working);
}

#[tokio::test]
async fn no_more_than_eight_images_are_asked_for_at_a_time() {
    let (mut edge, place) = (Edge::start().await, Place::new());
    let files: Vec<Vec<u8>> = (0..12).map(picture).collect();
    let images: Vec<(&[u8], &str)> = files.iter().map(|file| (file.as_slice(), "a fox")).collect();
    for _ in 0..images.len() {
        edge.answer("image", Answer::Never);
    }
    edge.trainings(|trainings| trainings.set_images(5, &images));
    edge.submit_training(5, training(ModelKind::Lora, 1));
    let runner = place.free(&edge, |config| config.pace.beat = Duration::from_millis(2));
    for _ in 0..8 {
        edge.next("image").await;
    }
    for _ in 0..20 {
        assert_eq!(edge.next("progress").await.json["phase"], "fetching", "the lease is kept meanwhile");
    }
    assert_eq!(edge.all(&["image"]).len(), 8);
    edge.cancel();
    assert_eq!(end(&mut edge).await.json["code"], "canceled");
    runner.stop().await;
    place.emptied().await;
}
