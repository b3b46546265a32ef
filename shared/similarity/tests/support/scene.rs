//! Scenes drawn for tests: one object of a kind, colour, place and size before a background. Fixed seeds, no files.

/// Kinds of objects.
pub const KINDS: [&str; 8] = ["circle", "square", "triangle", "star", "heart", "boat", "moon", "tree"];

/// Colours of objects, sRGB.
pub const COLOURS: [(&str, [u8; 3]); 6] = [
    ("red", [214, 30, 40]),
    ("green", [40, 160, 60]),
    ("blue", [30, 70, 215]),
    ("yellow", [250, 220, 30]),
    ("purple", [125, 45, 170]),
    ("black", [22, 22, 24]),
];

/// Backgrounds: top, horizon, below the horizon.
pub const BACKGROUNDS: [(&str, [[u8; 3]; 3]); 4] = [
    ("white", [[250; 3]; 3]),
    ("pink", [[255, 160, 200]; 3]),
    ("day", [[120, 180, 245], [190, 225, 255], [90, 150, 70]]),
    ("sunset", [[110, 60, 130], [250, 150, 90], [250, 170, 110]]),
];

/// Integer generator: SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let bits = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// Number from `low` to `high`.
    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * ((self.next() >> 40) as f32 / 16_777_216.0)
    }
}

/// One object before a background.
#[derive(Clone, Debug)]
pub struct Scene {
    pub kind: usize,
    pub rgb: [u8; 3],
    pub background: usize,
    /// Centre of the object, 0..=1 of the side.
    pub x: f32,
    pub y: f32,
    /// Radius of the object, of the side.
    pub radius: f32,
}

impl Scene {
    /// Scene of a kind and colour with a random place, size and shade.
    pub fn random(kind: usize, colour: usize, background: usize, random: &mut Random) -> Self {
        let shade = random.between(0.8, 1.12);
        Self {
            kind,
            rgb: COLOURS[colour].1.map(|x| (f32::from(x) * shade).min(255.0) as u8),
            background,
            x: random.between(0.35, 0.65),
            y: random.between(0.35, 0.65),
            radius: random.between(0.15, 0.3),
        }
    }

    /// RGB pixels of `side` × `side`, each the mean of 2 × 2 samples.
    pub fn draw(&self, side: usize) -> Vec<u8> {
        let sample = |x: f32, y: f32| {
            let (u, v) = ((x - self.x) / self.radius, (self.y - y) / self.radius);
            if is_inside(self.kind, u, v) { self.rgb.map(f32::from) } else { self.behind(y) }
        };
        let mut pixels = Vec::with_capacity(side * side * 3);
        for pixel in 0..side * side {
            let mut sum = [0f32; 3];
            for part in 0..4 {
                let x = (pixel % side) as f32 + (part % 2) as f32 / 2.0 + 0.25;
                let y = (pixel / side) as f32 + (part / 2) as f32 / 2.0 + 0.25;
                let rgb = sample(x / side as f32, y / side as f32);
                sum.iter_mut().zip(rgb).for_each(|(sum, x)| *sum += x / 4.0);
            }
            pixels.extend(sum.map(|x| x.round() as u8));
        }
        pixels
    }

    /// Colour of the background at a height: graded down to the horizon, plain below it.
    fn behind(&self, y: f32) -> [f32; 3] {
        let [top, horizon, below] = BACKGROUNDS[self.background].1;
        if y > 0.65 {
            return below.map(f32::from);
        }
        std::array::from_fn(|i| f32::from(top[i]) + (f32::from(horizon[i]) - f32::from(top[i])) * y / 0.65)
    }
}

/// True inside an object of a kind; u to the right and v up, about −1..=1.
fn is_inside(kind: usize, u: f32, v: f32) -> bool {
    let radius = (u * u + v * v).sqrt();
    match KINDS[kind] {
        "circle" => radius < 0.9,
        "square" => u.abs() < 0.8 && v.abs() < 0.8,
        "triangle" => v > -0.7 && v < 0.9 - 2.0 * u.abs(),
        "star" => {
            let spoke = (v.atan2(u) - std::f32::consts::FRAC_PI_2).rem_euclid(std::f32::consts::TAU / 5.0);
            let share = (spoke / (std::f32::consts::TAU / 5.0) - 0.5).abs() * 2.0;
            radius < 0.42 + 0.58 * share.powi(2)
        }
        "heart" => {
            let (u, v) = (u * 1.2, v * 1.2 + 0.1);
            (u * u + v * v - 1.0).powi(3) < u * u * v * v * v
        }
        "boat" => {
            let hull = (-0.7..-0.25).contains(&v) && u.abs() < 0.9 + 0.6 * (v + 0.25);
            hull || (-0.2..0.9).contains(&v) && u > -0.05 && u < 0.7 * (0.9 - v)
                || (u + 0.1).abs() < 0.05 && v.abs() < 0.9
        }
        "moon" => radius < 0.9 && ((u - 0.4).powi(2) + (v - 0.1).powi(2)).sqrt() > 0.75,
        "tree" => {
            let crown = v > -0.5 && v < 0.95 && u.abs() < 0.75 * (0.95 - (v - 0.2).rem_euclid(0.5) - 0.2).abs();
            crown || u.abs() < 0.13 && (-0.9..0.0).contains(&v)
        }
        other => panic!("unknown kind {other}"),
    }
}
