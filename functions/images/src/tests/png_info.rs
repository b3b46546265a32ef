//! Reading the generation parameters of a PNG file.

use protocol::runner::DrawParams;
use serde_json::{Value, json};
use testkit::{Kit, Reply, assert_shape};

use super::kit;
use crate::png_info::PNG_INFO;

/// A PNG of 2×1 pixels with these texts.
fn png_with(texts: &[(&str, &str)]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, 2, 1);
    for (name, text) in texts {
        encoder.add_itxt_chunk(name.to_string(), text.to_string()).unwrap();
    }
    encoder.write_header().unwrap().write_image_data(&[0; 2]).unwrap();
    file
}

async fn post(kit: &Kit, media: &str, body: impl Into<Vec<u8>>) -> Reply {
    kit.call("POST", "/api/images/png-info").body(media, body).send().await
}

#[tokio::test]
async fn generation_parameters_are_read_from_either_text() {
    let kit = kit();
    let text = "a fox <lora:ink>\nSteps: 20, Sampler: Euler, CFG scale: 7, Version: v1.9.0";
    let ours = r#"{"prompt":"a fox","num_inference_steps":20,"seed":5}"#;
    let parsed = json!({"prompt": "a fox <lora:ink>", "negative_prompt": "", "num_inference_steps": 20,
        "scheduler": "K_EULER", "guidance_scale": 7.0, "loras": [{"name": "ink", "weight": 1.0}],
        "other": {"Version": "v1.9.0"}});
    for (file, parameters, generation) in [
        (png_with(&[]), json!(null), json!(null)),
        (png_with(&[("parameters", "a fox")]), json!("a fox"), json!(null)),
        (png_with(&[("parameters", text)]), json!(text), parsed.clone()),
        (png_with(&[("parameters", text), ("generation", "[1]")]), json!(text), parsed.clone()),
        (png_with(&[("parameters", text), ("generation", ours)]), json!(text), serde_json::from_str(ours).unwrap()),
    ] {
        let expected = json!({"width": 2, "height": 1, "parameters": parameters, "generation": generation});
        let form = [&b"--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n"[..], &file, b"\r\n--b--"].concat();
        for (media, body) in [("image/png", file), ("multipart/form-data; boundary=b", form)] {
            let reply = post(&kit, media, body).await;
            assert_eq!((reply.status, reply.json()), (200, expected.clone()));
            assert_shape(&PNG_INFO, &reply.json());
        }
    }
    assert_eq!(kit.batches(), 0);
}

#[tokio::test]
async fn images_of_the_runner_have_all_their_parameters() {
    let kit = kit();
    let generation = json!({"prompt": "a fox", "negative_prompt": "", "width": 64, "height": 72,
        "num_inference_steps": 20, "guidance_scale": 7.5, "scheduler": "DDIM", "seed": 5, "n": 1, "strength": 0.5,
        "auto_aspect": true, "model": {"model_id": 3, "name": "Base", "size": 9, "sha256": "ab"},
        "loras": [{"model_id": 1, "weight": 0.8, "size": 7},
            {"model_id": 2, "weight": 1.0, "type": "ti", "word": "ink", "size": 8, "sha256": "cd"}]});
    let params: DrawParams = serde_json::from_value(generation.clone()).unwrap();
    let mut written = json!(params);
    // The runner leaves these out.
    written.as_object_mut().unwrap().retain(|key, _| key != "from_images" && key != "mask");
    assert_eq!(written, generation, "a field of the runner is missing here");

    let file = png_with(&[("generation", &written.to_string())]);
    let reply = post(&kit, "image/png", file.clone()).await.json();
    assert_eq!(reply["generation"], generation);
    assert_shape(&PNG_INFO, &reply);
    let v0 = kit.call("POST", "/api/images/png-info?profile=v0").body("image/png", file).send().await.json();
    assert_eq!((&v0["generation"]["numInferenceSteps"], &v0["generation"]["autoAspect"]), (&json!(20), &json!(true)));
    assert_eq!(v0["generation"].get("num_inference_steps"), None::<&Value>);
}

#[tokio::test]
async fn files_that_are_no_png_are_refused() {
    let kit = kit();
    for (media, body, refusal) in [
        ("image/png", Vec::new(), "400 invalid_image:file"),
        ("image/jpeg", b"\xff\xd8\xff".to_vec(), "400 invalid_image:file"),
        ("multipart/form-data; boundary=b", b"--b".to_vec(), "400 invalid_image:file"),
        ("multipart/form-data; boundary=b", b"--b\r\n\r\n\r\n\r\n--b--".to_vec(), "400 missing_parameter:file"),
        ("application/json", b"{}".to_vec(), "415 unsupported_media_type:Content-Type"),
        ("image/png", vec![0; (20 << 20) + 1], "413 body_too_large"),
    ] {
        assert_eq!(post(&kit, media, body).await.refusal(), refusal, "{media}");
    }
    assert_eq!(kit.batches(), 0);
}
