//! The values a scene is made of.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Circle,
    Square,
    Triangle,
    Star,
    Heart,
    Tree,
    House,
    Sun,
    Moon,
    Cloud,
    Fish,
    Flower,
    Boat,
}

impl Kind {
    pub const ALL: [Kind; 13] = [
        Kind::Circle,
        Kind::Square,
        Kind::Triangle,
        Kind::Star,
        Kind::Heart,
        Kind::Tree,
        Kind::House,
        Kind::Sun,
        Kind::Moon,
        Kind::Cloud,
        Kind::Fish,
        Kind::Flower,
        Kind::Boat,
    ];
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Colour {
    Red,
    Orange,
    Yellow,
    Green,
    Blue,
    Purple,
    Pink,
    White,
    Black,
}

impl Colour {
    pub const ALL: [Colour; 9] = [
        Colour::Red,
        Colour::Orange,
        Colour::Yellow,
        Colour::Green,
        Colour::Blue,
        Colour::Purple,
        Colour::Pink,
        Colour::White,
        Colour::Black,
    ];

    /// sRGB, 0 to 255.
    pub fn rgb(self) -> [u8; 3] {
        match self {
            Colour::Red => [205, 20, 30],
            Colour::Orange => [255, 120, 0],
            Colour::Yellow => [255, 230, 40],
            Colour::Green => [30, 150, 50],
            Colour::Blue => [25, 60, 215],
            Colour::Purple => [130, 40, 170],
            Colour::Pink => [255, 130, 190],
            Colour::White => [250, 250, 250],
            Colour::Black => [20, 20, 20],
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Background {
    Day,
    Sunset,
    Night,
    Sea,
    Grass,
    /// Named as its colour.
    #[serde(untagged)]
    Plain(Colour),
}

impl Background {
    pub const SCENIC: [Background; 5] =
        [Background::Day, Background::Sunset, Background::Night, Background::Sea, Background::Grass];

    pub fn all() -> impl Iterator<Item = Background> {
        Colour::ALL.into_iter().map(Background::Plain).chain(Self::SCENIC)
    }

    /// Its number in `all`.
    pub(super) fn index(self) -> usize {
        match self {
            Background::Plain(colour) => colour as usize,
            Background::Day => 9,
            Background::Sunset => 10,
            Background::Night => 11,
            Background::Sea => 12,
            Background::Grass => 13,
        }
    }

    /// Colours from the top to the bottom, each at its share of the height; between them they blend.
    pub fn stops(self) -> Vec<(f32, [u8; 3])> {
        match self {
            Background::Plain(colour) => vec![(0.0, colour.rgb())],
            Background::Day => vec![(0.0, [80, 165, 240]), (1.0, [140, 200, 245])],
            Background::Sunset => vec![(0.0, [90, 50, 120]), (0.5, [240, 110, 70]), (1.0, [255, 205, 110])],
            Background::Night => vec![(0.0, [8, 10, 40]), (1.0, [35, 40, 95])],
            Background::Sea => {
                vec![(0.0, [120, 190, 245]), (0.55, [150, 205, 248]), (0.55, [0, 115, 175]), (1.0, [0, 70, 120])]
            }
            Background::Grass => {
                vec![(0.0, [120, 190, 245]), (0.6, [150, 205, 248]), (0.6, [100, 180, 80]), (1.0, [60, 130, 50])]
            }
        }
    }

    /// Whether an object of this colour stands out wherever it is: far enough from each of the stops in sRGB.
    pub fn shows(self, colour: Colour) -> bool {
        const FAR: i32 = 100;
        let squared = |a: [u8; 3], b: [u8; 3]| -> i32 {
            a.into_iter().zip(b).map(|(a, b)| (i32::from(a) - i32::from(b)).pow(2)).sum()
        };
        self.stops().into_iter().all(|(_, stop)| squared(stop, colour.rgb()) >= FAR * FAR)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Size {
    Small,
    Normal,
    Large,
}

impl Size {
    /// As a share of the picture's side.
    pub fn side(self) -> f32 {
        match self {
            Size::Small => 0.36,
            Size::Normal => 0.52,
            Size::Large => 0.68,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    Centre,
    Left,
    Right,
    Top,
    Bottom,
}

impl Place {
    pub const ASIDE: [Place; 4] = [Place::Left, Place::Right, Place::Top, Place::Bottom];

    /// Centre of an object that is there, as shares of the picture's sides.
    pub fn centre(self) -> (f32, f32) {
        const NEAR: f32 = 0.31;
        match self {
            Place::Centre => (0.5, 0.5),
            Place::Left => (NEAR, 0.5),
            Place::Right => (1.0 - NEAR, 0.5),
            Place::Top => (0.5, NEAR),
            Place::Bottom => (0.5, 1.0 - NEAR),
        }
    }
}

/// Of one object to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    LeftOf,
    RightOf,
    Above,
    Below,
}

impl Relation {
    pub const ALL: [Relation; 4] = [Relation::LeftOf, Relation::RightOf, Relation::Above, Relation::Below];

    /// Of the other to the one.
    pub fn reversed(self) -> Self {
        match self {
            Relation::LeftOf => Relation::RightOf,
            Relation::RightOf => Relation::LeftOf,
            Relation::Above => Relation::Below,
            Relation::Below => Relation::Above,
        }
    }

    /// Which holds for two centres: along the axis on which they are further apart.
    pub fn between(one: (f32, f32), other: (f32, f32)) -> Self {
        let (dx, dy) = (other.0 - one.0, other.1 - one.1);
        match (dx.abs() >= dy.abs(), dx > 0.0, dy > 0.0) {
            (true, true, _) => Relation::LeftOf,
            (true, false, _) => Relation::RightOf,
            (false, _, true) => Relation::Above,
            (false, _, false) => Relation::Below,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_stand_out_on_each_other() {
        for colour in Colour::ALL {
            let seen = Colour::ALL.into_iter().filter(|other| Background::Plain(*other).shows(colour)).count();
            assert_eq!(seen, Colour::ALL.len() - 1, "{colour:?}");
        }
        // Pictures people think of, and some that could not be seen.
        let shows = |background: Background, colour| background.shows(colour);
        assert!(shows(Background::Day, Colour::White) && shows(Background::Sea, Colour::White));
        assert!(shows(Background::Night, Colour::Yellow) && shows(Background::Sunset, Colour::Black));
        assert!(!shows(Background::Night, Colour::Black) && !shows(Background::Grass, Colour::Green));
        assert!(!shows(Background::Sunset, Colour::Orange) && !shows(Background::Sea, Colour::Blue));
        for background in Background::SCENIC {
            let count = Colour::ALL.into_iter().filter(|colour| background.shows(*colour)).count();
            assert!(count >= 4, "{background:?}: {count}");
        }
    }

    #[test]
    fn backgrounds_are_numbered() {
        assert!(Background::all().enumerate().all(|(i, background)| background.index() == i));
        let names: Vec<String> = Background::all().filter_map(|b| serde_json::to_string(&b).ok()).collect();
        assert_eq!(names[0], "\"red\"");
        assert_eq!(names[13], "\"grass\"");
    }

    #[test]
    fn relations_have_two_sides() {
        for relation in Relation::ALL {
            assert_eq!(relation.reversed().reversed(), relation);
        }
        assert_eq!(Relation::between((0.2, 0.5), (0.8, 0.6)), Relation::LeftOf);
        assert_eq!(Relation::between((0.5, 0.8), (0.6, 0.2)), Relation::Below);
    }
}
