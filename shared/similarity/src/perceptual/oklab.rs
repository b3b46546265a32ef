//! sRGB → linear light → Oklab (B. Ottosson, "A perceptual color space for image processing", 2020). Roots are found by
//! Newton's method: the libraries' `powf` and `cbrt` differ between platforms. Must not know images.

/// Colour in Oklab.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Lab {
    /// Lightness, 0..=1.
    pub l: f32,
    /// Green–red, about −0.4..0.4.
    pub a: f32,
    /// Blue–yellow, about −0.4..0.4.
    pub b: f32,
}

impl Lab {
    /// Chroma: distance from grey.
    pub fn chroma(self) -> f32 {
        (self.a * self.a + self.b * self.b).sqrt()
    }

    /// Euclidean distance, the perceived difference of two colours.
    pub fn distance(self, other: Self) -> f32 {
        let (l, a, b) = (self.l - other.l, self.a - other.a, self.b - other.b);
        (l * l + a * a + b * b).sqrt()
    }

    /// Colour at `share` of the way to another.
    pub fn lerp(self, other: Self, share: f32) -> Self {
        let mix = |from: f32, to: f32| from + (to - from) * share;
        Self { l: mix(self.l, other.l), a: mix(self.a, other.a), b: mix(self.b, other.b) }
    }
}

/// Linear light of the 256 levels of sRGB (IEC 61966-2-1).
pub(super) fn linear_levels() -> Vec<f32> {
    let linear = |level: u8| {
        let x = f64::from(level) / 255.0;
        if x <= 0.04045 {
            return x / 12.92;
        }
        // x^2.4 = x² × (x^(1/5))²
        let x = (x + 0.055) / 1.055;
        let fifth = root(x, 5);
        x * x * fifth * fifth
    };
    (0..=255).map(|level| linear(level) as f32).collect()
}

/// Oklab of linear RGB in 0..=1.
pub(super) fn oklab([r, g, b]: [f32; 3]) -> Lab {
    let (r, g, b) = (f64::from(r), f64::from(g), f64::from(b));
    let long = cube_root(0.412_221_470_8 * r + 0.536_332_536_3 * g + 0.051_445_992_9 * b);
    let medium = cube_root(0.211_903_498_2 * r + 0.680_699_545_1 * g + 0.107_396_956_6 * b);
    let short = cube_root(0.088_302_461_9 * r + 0.281_718_837_6 * g + 0.629_978_700_5 * b);
    Lab {
        l: (0.210_454_255_3 * long + 0.793_617_785_0 * medium - 0.004_072_046_8 * short) as f32,
        a: (1.977_998_495_1 * long - 2.428_592_205_0 * medium + 0.450_593_709_9 * short) as f32,
        b: (0.025_904_037_1 * long + 0.782_771_766_2 * medium - 0.808_675_766_0 * short) as f32,
    }
}

fn cube_root(x: f64) -> f64 {
    if x < 1e-9 { 0.0 } else { root(x, 3) }
}

/// Root of degree `n` of a positive normal number: a guess within 13 % by dividing the exponent, then Newton's method.
/// Each of its five steps squares the error.
fn root(x: f64, n: u64) -> f64 {
    const ONE: u64 = 1.0f64.to_bits();
    let mut root = f64::from_bits(x.to_bits() / n + (ONE - ONE / n));
    for _ in 0..5 {
        let power = (1..n).fold(1.0, |power, _| power * root);
        root -= (root - x / power) / n as f64;
    }
    root
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_have_their_published_values() {
        let near = |lab: Lab, l: f32, a: f32, b: f32| lab.distance(Lab { l, a, b }) < 1e-3;
        assert!(near(oklab([1.0, 1.0, 1.0]), 1.0, 0.0, 0.0));
        assert!(near(oklab([0.0, 0.0, 0.0]), 0.0, 0.0, 0.0));
        assert!(near(oklab([1.0, 0.0, 0.0]), 0.628, 0.2249, 0.1258));
        assert!(near(oklab([0.0, 0.0, 1.0]), 0.452, -0.0325, -0.3115));
    }

    #[test]
    fn roots_are_exact_to_fifteen_digits() {
        for step in 1..=5_000 {
            let x = f64::from(step) / 5_000.0;
            assert!(
                (root(x, 3) / x.cbrt() - 1.0).abs() < 1e-15 && (root(x, 5) / x.powf(0.2) - 1.0).abs() < 2e-15,
                "{x}"
            );
        }
    }

    #[test]
    fn levels_follow_the_standard() {
        for (level, linear) in linear_levels().into_iter().enumerate() {
            let x = level as f64 / 255.0;
            let expected = if x <= 0.04045 { x / 12.92 } else { ((x + 0.055) / 1.055).powf(2.4) };
            assert!((f64::from(linear) - expected).abs() < 1e-7, "{level}");
        }
    }
}
