//! Pictures as PNG files.

use ::png::{BitDepth, ColorType, Encoder, EncodingError};

use crate::backend::Rgb;
use crate::{Code, DrawError};

/// `texts` become international text chunks: keyword (Latin-1, at most 79 bytes) and value.
pub fn encode(rgb: &Rgb, texts: &[(&str, String)]) -> Result<Vec<u8>, DrawError> {
    let failed = |e: EncodingError| DrawError::new(Code::Internal, format!("PNG: {e}"));
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, rgb.width, rgb.height);
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    for (keyword, text) in texts {
        encoder.add_itxt_chunk(keyword.to_string(), text.clone()).map_err(failed)?;
    }
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(&rgb.bytes).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(file)
}
