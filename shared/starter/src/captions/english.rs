//! Captions in English.

use crate::random::Random;
use crate::scene::{Background, Colour, Kind, Layout, Object, Place, Relation, Scene, Size};

pub(super) fn caption(scene: &Scene, random: &mut Random) -> String {
    // Short as tags are, or with articles.
    let short = random.chance(0.25);
    let what = match (&scene.objects[..], scene.layout) {
        ([object], Layout::Single { size, place }) => {
            let thing = thing(object, size, short, random);
            match where_is(place, random) {
                Some(place) => format!("{thing} {place}"),
                None => thing,
            }
        }
        ([one, other], Layout::Pair(relation)) => {
            // The same seen from the other side.
            let (one, other, relation) =
                if random.chance(0.3) { (other, one, relation.reversed()) } else { (one, other, relation) };
            let one = thing(one, Size::Normal, short, random);
            let other = thing(other, Size::Normal, short, random);
            format!("{one} {} {other}", beside(relation, random))
        }
        _ => return String::new(),
    };
    let (after, name) = behind(scene.background, random);
    match (random.bits() % 8, short) {
        (0..4, _) => format!("{what} {after}"),
        (4..6, true) => format!("{what}, {name}"),
        (_, true) => format!("{name}, {what}"),
        (4, false) => format!("{what}, {}", with_article(&name)),
        (5, false) => format!("a picture of {what} {after}"),
        (_, false) => format!("{} with {what}", with_article(&name)),
    }
}

/// Size, colour and kind, with an article unless it is to be short.
fn thing(object: &Object, size: Size, short: bool, random: &mut Random) -> String {
    let size = match size {
        Size::Small => random.one(&["small ", "small ", "little "]),
        Size::Large => random.one(&["large ", "big "]),
        Size::Normal => "",
    };
    let text = format!("{size}{} {}", colour(object.colour), kind(object.kind));
    if short { text } else { with_article(&text) }
}

fn with_article(text: &str) -> String {
    // Mass nouns and what there is one of.
    match text {
        "grass" => text.into(),
        "night sky" | "sunset sky" | "sea" | "day sky" => format!("the {text}"),
        _ if text.starts_with(['a', 'e', 'i', 'o', 'u']) => format!("an {text}"),
        _ => format!("a {text}"),
    }
}

/// What follows a thing, and what it is called by itself.
fn behind(background: Background, random: &mut Random) -> (String, String) {
    let (after, name) = match background {
        Background::Plain(plain) => {
            let name = format!("{} background", colour(plain));
            let short = random.chance(0.25);
            let after = if short { format!("on {}", colour(plain)) } else { format!("on {}", with_article(&name)) };
            return (after, name);
        }
        Background::Day => (random.one(&["in the day", "by day", "in the day sky"]), "day sky"),
        Background::Sunset => (random.one(&["at sunset", "in the sunset", "in the sunset sky"]), "sunset sky"),
        Background::Night => (random.one(&["at night", "in the night", "in the night sky"]), "night sky"),
        Background::Sea => (random.one(&["on the sea", "at sea", "in the sea"]), "sea"),
        Background::Grass => (random.one(&["on the grass", "on grass", "on green grass"]), "grass"),
    };
    (after.into(), name.into())
}

fn where_is(place: Place, random: &mut Random) -> Option<&'static str> {
    match place {
        // Said or not, it is the same.
        Place::Centre if random.chance(0.15) => Some(random.one(&["in the center", "in the centre", "in the middle"])),
        Place::Centre => None,
        Place::Left => Some(random.one(&["on the left", "on the left side"])),
        Place::Right => Some(random.one(&["on the right", "on the right side"])),
        Place::Top => Some(random.one(&["at the top", "on the top"])),
        Place::Bottom => Some(random.one(&["at the bottom", "on the bottom"])),
    }
}

fn beside(relation: Relation, random: &mut Random) -> &'static str {
    match relation {
        Relation::LeftOf => random.one(&["left of", "to the left of"]),
        Relation::RightOf => random.one(&["right of", "to the right of"]),
        Relation::Above => random.one(&["above", "over"]),
        Relation::Below => random.one(&["below", "under"]),
    }
}

fn colour(colour: Colour) -> &'static str {
    match colour {
        Colour::Red => "red",
        Colour::Orange => "orange",
        Colour::Yellow => "yellow",
        Colour::Green => "green",
        Colour::Blue => "blue",
        Colour::Purple => "purple",
        Colour::Pink => "pink",
        Colour::White => "white",
        Colour::Black => "black",
    }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Circle => "circle",
        Kind::Square => "square",
        Kind::Triangle => "triangle",
        Kind::Star => "star",
        Kind::Heart => "heart",
        Kind::Tree => "tree",
        Kind::House => "house",
        Kind::Sun => "sun",
        Kind::Moon => "moon",
        Kind::Cloud => "cloud",
        Kind::Fish => "fish",
        Kind::Flower => "flower",
        Kind::Boat => "boat",
    }
}
