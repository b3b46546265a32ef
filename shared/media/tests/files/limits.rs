//! Files made to be expensive: refused, or read within the bounds that [`Meter`] checks.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use media::{Error, MAX_PIXELS, rewrite};
use peak_alloc::PeakAlloc;

use crate::samples::{crc, jpeg, png_of, rgb_png};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Far above the time of any file here, and far below that of one whose time grows with the square of its length.
const MAX_TIME: Duration = Duration::from_secs(10);

/// Beside twice the file: one bit a coefficient of the largest progressive JPEG, buffers, and other tests' small files.
const MAX_MEMORY: usize = 24 << 20;

/// Measures one reader at a time. Tests that hold much themselves keep the meter while they do.
pub struct Meter(#[expect(dead_code)] MutexGuard<'static, ()>);

impl Meter {
    pub fn wait() -> Meter {
        static IN_USE: Mutex<()> = Mutex::new(());
        Meter(IN_USE.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Runs `read` over `file`, and fails when it takes more time or memory than any file may.
    pub fn within_bounds<T>(&self, file: &[u8], read: impl FnOnce(&[u8]) -> T) -> T {
        let (held, start) = (MEMORY.current_usage(), Instant::now());
        MEMORY.reset_peak_usage();
        let result = read(file);
        let (time, memory) = (start.elapsed(), MEMORY.peak_usage().saturating_sub(held));
        assert!(time < MAX_TIME, "{time:?} for {} bytes", file.len());
        assert!(memory < 2 * file.len() + MAX_MEMORY, "{memory} bytes held for {} bytes", file.len());
        result
    }
}

fn is_invalid<T>(result: Result<T, Error>) -> bool {
    matches!(result, Err(Error::Invalid(_)))
}

#[test]
fn enormous_images_are_refused_by_their_header() {
    let mut png = rgb_png(1, 1);
    png[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]);
    let sum = crc(&png[12..29]).to_be_bytes();
    png[29..33].copy_from_slice(&sum);
    assert_eq!(rewrite(&png), Err(Error::TooManyPixels));
    let mut jpeg = jpeg(8, 8);
    let frame = jpeg.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].fill(0xff);
    assert_eq!(rewrite(&jpeg), Err(Error::TooManyPixels));
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0x10, 0, 0x10, 0]);
    assert!(is_invalid(rewrite(&jpeg)), "less data than announced");
}

#[test]
fn the_largest_image_is_counted_and_one_pixel_more_is_not() {
    let meter = Meter::wait();
    let grey = |width: u32| [&width.to_be_bytes()[..], &1_u32.to_be_bytes(), &[8, 0, 0, 0, 0]].concat();
    let data = miniz_oxide::deflate::compress_to_vec_zlib(&vec![0; 1 + MAX_PIXELS as usize], 1);
    let file = png_of(&grey(MAX_PIXELS as u32), &[&data]);
    assert_eq!(meter.within_bounds(&file, rewrite).unwrap().bytes, file);
    assert_eq!(rewrite(&png_of(&grey(MAX_PIXELS as u32 + 1), &[&data])), Err(Error::TooManyPixels));
    assert!(is_invalid(meter.within_bounds(&png_of(&grey(8), &[&data]), rewrite)), "a bomb");
}

#[test]
fn image_data_in_a_million_chunks_is_not_listed() {
    let meter = Meter::wait();
    let mut rows = vec![0; 1_000_001];
    fastrand::Rng::with_seed(3).fill(&mut rows[1..]);
    let data = miniz_oxide::deflate::compress_to_vec_zlib(&rows, 0);
    let pieces: Vec<&[u8]> = data.chunks(1).collect();
    let file = png_of(&[&1_000_000_u32.to_be_bytes()[..], &[0, 0, 0, 1, 8, 0, 0, 0, 0]].concat(), &pieces);
    let rewritten = meter.within_bounds(&file, rewrite).unwrap();
    assert!(rewritten.bytes == file);
}

/// An Exif directory may announce 65535 entries in 16 bytes, and a file may have very many of them.
#[test]
fn directories_that_announce_more_than_they_hold_cost_nothing() {
    let meter = Meter::wait();
    let segment = b"\xff\xe1\0\x12Exif\0\0II*\0\x08\0\0\0\xff\xff";
    let jpeg = jpeg(8, 8);
    let file = [&jpeg[..2], &segment.repeat(500_000), &jpeg[2..]].concat();
    assert_eq!(meter.within_bounds(&file, rewrite).unwrap(), rewrite(&jpeg).unwrap());
}

/// Runs of empty blocks make a scan of the largest frame out of 38 bytes. Each component keeps its coefficients.
#[test]
fn many_scans_of_a_large_progressive_frame_stay_within_bounds() {
    let meter = Meter::wait();
    let side = 6320_u16.to_be_bytes();
    let components = [1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0, 4, 0x11, 0];
    let frame = [&[8][..], &side, &side, &[4], &components].concat();
    // AC table 0: one code of one bit for the symbol of a run of 2^14 blocks and up to 2^14 - 1 more.
    let table = [&[0x10, 1][..], &[0; 15], &[0xe0]].concat();
    let blocks = 790 * 790_u32;
    let runs = (0..blocks.div_ceil((1 << 15) - 1)).flat_map(|_| std::iter::once(0).chain([1; 14]));
    let scan = entropy_coded(&runs.collect::<Vec<u8>>());
    let mut file = [&b"\xff\xd8"[..], &segment(0xc2, &frame), &segment(0xc4, &table)].concat();
    for number in 0..100 {
        file.extend([segment(0xda, &[1, 1 + number % 4, 0, 1, 63, 0]), scan.clone()].concat());
    }
    let scans =
        |file: &[u8], more: usize| [file, &file[file.len() - scan.len() - 10..].repeat(more), b"\xff\xd9"].concat();
    let whole = scans(&file, 0);
    assert_eq!(meter.within_bounds(&whole, rewrite).map(|image| image.bytes == whole), Ok(true));
    assert!(is_invalid(meter.within_bounds(&scans(&file, 1), rewrite)), "a scan more");
}

fn segment(marker: u8, content: &[u8]) -> Vec<u8> {
    [&[0xff, marker, 0, content.len() as u8 + 2], content].concat()
}

/// Bits as bytes, with ones at the end and a zero behind each 0xff.
fn entropy_coded(bits: &[u8]) -> Vec<u8> {
    let byte = |bits: &[u8]| (0..8).fold(0, |byte, i| byte << 1 | bits.get(i).unwrap_or(&1));
    let stuffed = |byte| if byte == 0xff { vec![byte, 0] } else { vec![byte] };
    bits.chunks(8).map(byte).flat_map(stuffed).collect()
}
