//! The text encoder as OpenCLIP names it: query, key and value in one matrix. (CLIP's own names are those of the
//! diffusers layout.)

use super::{Origin, layer};

pub fn open_clip(name: &str) -> Option<Origin> {
    if name == "text_projection.weight" {
        // A matrix that vectors are multiplied by, not a layer.
        return Some(Origin::Transposed("text_projection".into()));
    }
    let name = name.strip_prefix("text_model.")?;
    let whole = |name: String| Some(Origin::Whole(name));
    match name {
        "embeddings.token_embedding.weight" => return whole("token_embedding.weight".into()),
        "embeddings.position_embedding.weight" => return whole("positional_embedding".into()),
        _ => {}
    }
    if let Some(last) = name.strip_prefix("final_layer_norm.") {
        return whole(format!("ln_final.{last}"));
    }
    let ("layers", i, rest) = layer(name.strip_prefix("encoder.")?)? else { return None };
    let block = format!("transformer.resblocks.{i}");
    let (front, last) = rest.rsplit_once('.')?;
    let inner = match front {
        "layer_norm1" => "ln_1",
        "layer_norm2" => "ln_2",
        "mlp.fc1" => "mlp.c_fc",
        "mlp.fc2" => "mlp.c_proj",
        "self_attn.out_proj" => "attn.out_proj",
        _ => {
            let index =
                ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"].iter().position(|p| *p == front)?;
            return Some(Origin::Part { name: format!("{block}.attn.in_proj_{last}"), index, of: 3 });
        }
    };
    whole(format!("{block}.{inner}.{last}"))
}
