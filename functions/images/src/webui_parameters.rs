//! Parser of the text `parameters` that Stable Diffusion web UI and compatible programs write into an image. It has the
//! prompt, `Negative prompt: …`, and a last line of names and values. The result is fields of a task, unchecked. Must
//! not know the file around the text.

use domain::task::WEB_UI_SAMPLERS;
use serde_json::{Map, Value, json};

const NEGATIVE: &str = "Negative prompt:";

/// Maximum number of values that no field of a task has.
const MAX_OTHER: usize = 64;

/// The fields of a task in a text; values without such a field are in `other`. None when the last line has no `Steps`:
/// such a text is of another format.
pub fn parse(text: &str) -> Option<Map<String, Value>> {
    let text = text.trim();
    let (prompts, last) = text.rsplit_once('\n').unwrap_or(("", text));
    let values = pairs(last);
    if !values.iter().any(|(name, _)| name == "Steps") {
        return None;
    }
    let (prompt, negative) = match prompts.strip_prefix(NEGATIVE) {
        Some(negative) => ("", negative),
        None => prompts.split_once(&format!("\n{NEGATIVE}")).unwrap_or((prompts, "")),
    };
    let mut fields = Map::new();
    fields.insert("prompt".into(), json!(prompt.trim()));
    fields.insert("negative_prompt".into(), json!(negative.trim()));
    let mut other = Map::new();
    for (name, value) in values {
        match field(&name, &value) {
            Some(known) => fields.extend(known),
            None if other.len() < MAX_OTHER => {
                other.insert(name, json!(value));
            }
            None => {}
        }
    }
    let loras = loras(prompt);
    if !loras.is_empty() {
        fields.insert("loras".into(), json!(loras));
    }
    if !other.is_empty() {
        fields.insert("other".into(), Value::Object(other));
    }
    Some(fields)
}

/// The fields that a value of the last line sets. None for an unknown name or a value that cannot be read.
fn field(name: &str, value: &str) -> Option<Vec<(String, Value)>> {
    let one = |name: &str, value: Value| Some(vec![(name.to_string(), value)]);
    let whole = || value.parse::<u32>().ok().map(|n| json!(n));
    let number = || value.parse::<f64>().ok().filter(|n| n.is_finite()).map(|n| json!(n));
    match name {
        "Steps" => one("num_inference_steps", whole()?),
        "Sampler" => one("scheduler", json!(scheduler(value)?)),
        "CFG scale" => one("guidance_scale", number()?),
        "Seed" => one("seed", json!(value.parse::<u64>().ok().filter(|n| *n <= 1 << 53)?)),
        "Denoising strength" => one("strength", number()?),
        "Model" => one("model", json!(value)),
        "Size" => {
            let (width, height) = value.split_once('x')?;
            let [width, height] = [width.parse::<u32>().ok()?, height.parse::<u32>().ok()?];
            Some(vec![("width".into(), json!(width)), ("height".into(), json!(height))])
        }
        _ => None,
    }
}

/// The platform's name of a scheduler, which may have either name. A noise schedule at its end (`Karras`) is ignored.
fn scheduler(name: &str) -> Option<&'static str> {
    let name = [" Karras", " Exponential"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
    WEB_UI_SAMPLERS.iter().find(|(ours, theirs)| [*ours, *theirs].contains(&name)).map(|(ours, _)| *ours)
}

/// The names and values of a line: `name: value, name: "a quoted, value"`.
fn pairs(line: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut rest = line;
    while let Some((name, after)) = rest.split_once(':') {
        let after = after.trim_start();
        let (value, next) = quoted(after).unwrap_or_else(|| {
            let (value, next) = after.split_once(',').unwrap_or((after, ""));
            (value.trim().to_string(), next)
        });
        pairs.push((name.trim().to_string(), value));
        rest = next;
    }
    pairs
}

/// The JSON string at the start of a text, and the text after the comma that follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut parts = serde_json::Deserializer::from_str(text.starts_with('"').then_some(text)?).into_iter::<String>();
    let value = parts.next()?.ok()?;
    let rest = text.get(parts.byte_offset()..)?.trim_start();
    Some((value, if rest.is_empty() { rest } else { rest.strip_prefix(',')? }))
}

/// The LoRAs of a prompt, `<lora:name:weight>`. A second weight, of the text encoder, is ignored.
fn loras(prompt: &str) -> Vec<Value> {
    let tags = prompt.split("<lora:").skip(1).filter_map(|tag| Some(tag.split_once('>')?.0));
    let read = |tag: &str| {
        let mut parts = tag.split(':');
        let name = parts.next().filter(|name| !name.is_empty())?.to_string();
        let weight =
            parts.next().map_or(Some(1.0), |weight| weight.parse().ok()).filter(|weight: &f64| weight.is_finite())?;
        Some(json!({"name": name, "weight": weight}))
    };
    tags.filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_the_web_ui_becomes_fields_of_a_task() {
        let text = "a cat, <lora:ink:0.8> (soft:1.2)\nsecond line <lora:x>\nNegative prompt: blurry,\nugly\n\
            Steps: 30, Sampler: DPM++ 2M Karras, CFG scale: 6.5, Seed: 4294967295, Size: 512x768, Model hash: ab12, \
            Model: anything, Denoising strength: 0.4, Lora hashes: \"ink: 12, x: 34\", Version: v1.9.0";
        assert_eq!(
            Value::Object(parse(text).unwrap()),
            json!({"prompt": "a cat, <lora:ink:0.8> (soft:1.2)\nsecond line <lora:x>",
                "negative_prompt": "blurry,\nugly", "num_inference_steps": 30, "scheduler": "DPMSolverMultistep",
                "guidance_scale": 6.5, "seed": 4294967295u32,
                "width": 512, "height": 768, "model": "anything", "strength": 0.4,
                "loras": [{"name": "ink", "weight": 0.8}, {"name": "x", "weight": 1.0}],
                "other": {"Model hash": "ab12", "Lora hashes": "ink: 12, x: 34", "Version": "v1.9.0"}})
        );
    }

    #[test]
    fn prompts_and_values_may_be_absent() {
        let least = json!({"prompt": "", "negative_prompt": "", "num_inference_steps": 1});
        assert_eq!(Value::Object(parse("Steps: 1").unwrap()), least);
        let negative = parse("Negative prompt: x\nSteps: 1, Sampler: Euler a").unwrap();
        assert_eq!((&negative["prompt"], &negative["negative_prompt"]), (&json!(""), &json!("x")));
        assert_eq!(negative["scheduler"], "K_EULER_ANCESTRAL");
        for text in ["", "a cat", "a cat\nNegative prompt: x", "\n\n", "a: b, c: d"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn values_that_cannot_be_read_are_in_other() {
        let fields =
            parse("x\nSteps: many, Seed: -1, Size: 3, CFG scale: NaN, Sampler: Heun, : , a:\"b\"c, d").unwrap();
        assert_eq!(fields.keys().collect::<Vec<_>>(), ["negative_prompt", "other", "prompt"]);
        let other = &fields["other"];
        assert_eq!(
            (&other["Steps"], &other["Sampler"], &other["a"]),
            (&json!("many"), &json!("Heun"), &json!("\"b\"c"))
        );
        let many: String = (0..1000).map(|i| format!("k{i}: v, ")).collect();
        assert_eq!(parse(&format!("Steps: 1, {many}")).unwrap()["other"].as_object().unwrap().len(), MAX_OTHER);
    }
}
