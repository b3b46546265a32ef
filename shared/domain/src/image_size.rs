//! The size of an image from an aspect ratio and the length of its short side.

/// Sides are multiples of this number of pixels.
const STEP: u32 = 8;

/// Width and height in pixels for a ratio of `points_config`. `auto` takes the ratio nearest to that of the start
/// image, whose width and height are `start`; it is square where they are unknown.
pub fn size(ratio: &str, short: u32, start: Option<(u32, u32)>) -> (u32, u32) {
    let long = short.saturating_mul(3).saturating_div(2).saturating_add(STEP / 2) / STEP * STEP;
    match if ratio == "auto" { nearest(start) } else { ratio } {
        "2:3" => (short, long),
        "3:2" => (long, short),
        _ => (short, short),
    }
}

/// The nearest ratio. The border between 1:1 and 3:2 is their geometric mean, √1.5.
fn nearest(start: Option<(u32, u32)>) -> &'static str {
    let (width, height) = start.unwrap_or((1, 1));
    let square = |side: u32| u64::from(side).saturating_mul(u64::from(side));
    let beyond = |long: u32, short: u32| square(long).saturating_mul(2) > square(short).saturating_mul(3);
    if beyond(width, height) {
        "3:2"
    } else if beyond(height, width) {
        "2:3"
    } else {
        "1:1"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_become_multiples_of_eight() {
        for (ratio, short, expected) in [
            ("1:1", 512, (512, 512)),
            ("2:3", 512, (512, 768)),
            ("3:2", 512, (768, 512)),
            ("3:2", 1024, (1536, 1024)),
            ("2:3", 72, (72, 112)),
            ("auto", 64, (64, 64)),
        ] {
            assert_eq!(size(ratio, short, None), expected, "{ratio} {short}");
        }
    }

    #[test]
    fn auto_follows_the_start_image() {
        for (start, expected) in [
            ((300, 200), (96, 64)),
            ((640, 480), (96, 64)),
            ((122, 100), (64, 64)),
            ((123, 100), (96, 64)),
            ((100, 122), (64, 64)),
            ((100, 123), (64, 96)),
            ((1, 9000), (64, 96)),
            ((u32::MAX, u32::MAX), (64, 64)),
            ((0, 0), (64, 64)),
        ] {
            assert_eq!(size("auto", 64, Some(start)), expected, "{start:?}");
        }
        assert_eq!(size("1:1", 64, Some((300, 200))), (64, 64), "only auto does");
    }
}
