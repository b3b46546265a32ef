//! PNG files to send, and a look into those received.

use std::io::Cursor;

/// A PNG of so many pixels, in a colour that depends on `shade`.
pub fn picture(width: u32, height: u32, shade: u8) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let pixels: Vec<u8> = (0..width * height).flat_map(|i| [shade, (i % 251) as u8, 128]).collect();
    let mut writer = encoder.write_header().expect("a header in memory");
    writer.write_image_data(&pixels).expect("pixels in memory");
    writer.finish().expect("an end in memory");
    file
}

/// Width and height of a PNG, all of which is decoded.
#[track_caller]
pub fn size_of(file: &[u8]) -> (u32, u32) {
    let mut reader = png::Decoder::new(Cursor::new(file)).read_info().expect("a PNG");
    let mut pixels = vec![0; reader.output_buffer_size().expect("a size that fits memory")];
    let info = reader.next_frame(&mut pixels).expect("whole pixel data");
    (info.width, info.height)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_picture_has_the_size_it_was_made_with() {
        assert_eq!(super::size_of(&super::picture(17, 5, 3)), (17, 5));
    }
}
