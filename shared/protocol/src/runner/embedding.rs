//! Image embeddings as text.

use base64::{Engine, engine::general_purpose::STANDARD};

/// The largest dimension of an embedding.
pub const MAX_EMBEDDING: usize = 1024;

/// Base64 of the vector as little-endian f32.
pub fn embedding_text(vector: &[f32]) -> String {
    STANDARD.encode(vector.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())
}

/// The vector of an `embedding_text`. None unless it has unit length and at most `MAX_EMBEDDING` dimensions.
pub fn embedding_vector(text: &str) -> Option<Vec<f32>> {
    if text.len() > (4 * MAX_EMBEDDING).div_ceil(3) * 4 {
        return None;
    }
    let bytes = STANDARD.decode(text).ok()?;
    let (numbers, rest) = bytes.as_chunks::<4>();
    let vector: Vec<f32> = numbers.iter().map(|number| f32::from_le_bytes(*number)).collect();
    let length: f64 = vector.iter().map(|value| f64::from(*value).powi(2)).sum();
    // NaN fails the comparison too.
    (rest.is_empty() && vector.len() <= MAX_EMBEDDING && (length - 1.0).abs() < 1e-3).then_some(vector)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embeddings_have_unit_length() {
        for length in [1, 3, MAX_EMBEDDING] {
            let vector = vec![(1.0 / length as f32).sqrt(); length];
            assert_eq!(embedding_vector(&embedding_text(&vector)), Some(vector));
        }
        let long = vec![(1.0 / 1025f32).sqrt(); MAX_EMBEDDING + 1];
        for vector in [&[][..], &[0.0], &[2.0], &[f32::NAN], &[f32::INFINITY], &[1.0, f32::NAN], &long] {
            assert_eq!(embedding_vector(&embedding_text(vector)), None);
        }
        for text in ["", "AACAPw", "AACAPw==x", "AACAPwA=", "!", &"A".repeat(1 << 20)] {
            assert_eq!(embedding_vector(text), None, "{:.20}", text);
        }
        assert_eq!(embedding_vector("AACAPw=="), Some(vec![1.0]));
    }
}
