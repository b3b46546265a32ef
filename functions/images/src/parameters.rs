//! The text that Stable Diffusion web UI writes into a picture, and many programs after it: the prompt, the negative prompt
//! behind its heading, and a last line of names and values. Read into the fields of a task.

use domain::task::WEB_UI;
use serde_json::{Map, Value, json};

const NEGATIVE: &str = "Negative prompt:";

/// The most names that are kept beside those of a task's fields.
const MAX_OTHER: usize = 64;

/// None where the text has no line of values: then it is anybody's.
pub fn fields(text: &str) -> Option<Map<String, Value>> {
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

/// Ours, under either name; a spacing of noise behind it is left out.
fn scheduler(name: &str) -> Option<&'static str> {
    let name = [" Karras", " Exponential"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
    WEB_UI.iter().find(|(ours, theirs)| [*ours, *theirs].contains(&name)).map(|(ours, _)| *ours)
}

/// `name: value, name: "a quoted, value"`
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

/// A JSON string, and what stands behind the comma after it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut parts = serde_json::Deserializer::from_str(text.starts_with('"').then_some(text)?).into_iter::<String>();
    let value = parts.next()?.ok()?;
    let rest = text.get(parts.byte_offset()..)?.trim_start();
    Some((value, if rest.is_empty() { rest } else { rest.strip_prefix(',')? }))
}

/// `<lora:name:weight>` in a prompt, where a second weight for the text's half may follow.
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
    fn the_web_uis_text_becomes_fields() {
        let text = "a cat, <lora:ink:0.8> (soft:1.2)\nsecond line <lora:x>\nNegative prompt: blurry,\nugly\n\
            Steps: 30, Sampler: DPM++ 2M Karras, CFG scale: 6.5, Seed: 4294967295, Size: 512x768, Model hash: ab12, \
            Model: anything, Denoising strength: 0.4, Lora hashes: \"ink: 12, x: 34\", Version: v1.9.0";
        assert_eq!(
            Value::Object(fields(text).unwrap()),
            json!({"prompt": "a cat, <lora:ink:0.8> (soft:1.2)\nsecond line <lora:x>", "negative_prompt": "blurry,\nugly",
                "num_inference_steps": 30, "scheduler": "DPMSolverMultistep", "guidance_scale": 6.5, "seed": 4294967295u32,
                "width": 512, "height": 768, "model": "anything", "strength": 0.4,
                "loras": [{"name": "ink", "weight": 0.8}, {"name": "x", "weight": 1.0}],
                "other": {"Model hash": "ab12", "Lora hashes": "ink: 12, x: 34", "Version": "v1.9.0"}})
        );
    }

    #[test]
    fn parts_may_be_missing() {
        let least = json!({"prompt": "", "negative_prompt": "", "num_inference_steps": 1});
        assert_eq!(Value::Object(fields("Steps: 1").unwrap()), least);
        let negative = fields("Negative prompt: x\nSteps: 1, Sampler: Euler a").unwrap();
        assert_eq!((&negative["prompt"], &negative["negative_prompt"]), (&json!(""), &json!("x")));
        assert_eq!(negative["scheduler"], "K_EULER_ANCESTRAL");
        for text in ["", "a cat", "a cat\nNegative prompt: x", "\n\n", "a: b, c: d"] {
            assert_eq!(fields(text), None, "{text:?}");
        }
    }

    #[test]
    fn nonsense_is_kept_apart() {
        let fields =
            fields("x\nSteps: many, Seed: -1, Size: 3, CFG scale: NaN, Sampler: Heun, : , a:\"b\"c, d").unwrap();
        assert_eq!(fields.keys().collect::<Vec<_>>(), ["negative_prompt", "other", "prompt"]);
        let other = &fields["other"];
        assert_eq!(
            (&other["Steps"], &other["Sampler"], &other["a"]),
            (&json!("many"), &json!("Heun"), &json!("\"b\"c"))
        );
        let many: String = (0..1000).map(|i| format!("k{i}: v, ")).collect();
        assert_eq!(super::fields(&format!("Steps: 1, {many}")).unwrap()["other"].as_object().unwrap().len(), MAX_OTHER);
    }
}
