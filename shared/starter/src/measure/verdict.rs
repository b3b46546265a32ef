//! Whether what is seen is what was wanted.

use serde::Serialize;

use super::Seen;
use crate::scene::{Object, Relation, Scene};

/// What is right of a picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    pub background: bool,
    /// Of each object.
    pub colour: bool,
    pub kind: bool,
    /// As many objects as wanted, and two of them as they should be to each other.
    pub relation: bool,
}

impl Verdict {
    pub fn of(seen: Option<&Seen>, wanted: &Scene) -> Self {
        let Some(seen) = seen else { return Self::default() };
        let background = seen.background == wanted.background;
        match (&wanted.objects[..], &seen.objects[..]) {
            ([one], [found]) => {
                Self { background, colour: one.colour == found.colour, kind: one.kind == found.kind, relation: true }
            }
            ([one, other], [first, second]) => {
                let relation = Relation::between(centre(one), centre(other));
                let straight = pair([one, other], [first, second], relation);
                let crossed = pair([one, other], [second, first], relation);
                // Whichever is which, the way more of it is right.
                let best = if crossed.count() > straight.count() { crossed } else { straight };
                Self { background, ..best }
            }
            (all, found) => {
                let any = |same: &dyn Fn(&Object, &Object) -> bool| {
                    !found.is_empty() && all.iter().all(|one| found.iter().any(|other| same(one, other)))
                };
                let (colour, kind) = (any(&|a, b| a.colour == b.colour), any(&|a, b| a.kind == b.kind));
                Self { background, colour, kind, relation: false }
            }
        }
    }

    pub fn all(self) -> bool {
        self.background && self.colour && self.kind && self.relation
    }

    fn count(self) -> usize {
        [self.background, self.colour, self.kind, self.relation].into_iter().filter(|right| *right).count()
    }
}

fn centre(object: &Object) -> (f32, f32) {
    (object.x, object.y)
}

/// Of two objects, if these two are they; says nothing of the background.
fn pair(wanted: [&Object; 2], found: [&Object; 2], relation: Relation) -> Verdict {
    let both = |same: fn(&Object, &Object) -> bool| wanted.iter().zip(found).all(|(a, b)| same(a, b));
    Verdict {
        background: false,
        colour: both(|a, b| a.colour == b.colour),
        kind: both(|a, b| a.kind == b.kind),
        relation: Relation::between(centre(found[0]), centre(found[1])) == relation,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::{Background, Colour, Kind, Layout};

    fn object(kind: Kind, colour: Colour, x: f32) -> Object {
        Object { kind, colour, size: 0.4, x, y: 0.5 }
    }

    fn wanted() -> Scene {
        let objects = vec![object(Kind::Star, Colour::Red, 0.3), object(Kind::Fish, Colour::Blue, 0.7)];
        Scene { background: Background::Day, objects, layout: Layout::Pair(Relation::LeftOf) }
    }

    fn seen(objects: Vec<Object>) -> Seen {
        Seen { background: Background::Day, objects, distance: 0.0 }
    }

    fn verdict(objects: Vec<Object>) -> [bool; 4] {
        let v = Verdict::of(Some(&seen(objects)), &wanted());
        [v.background, v.colour, v.kind, v.relation]
    }

    #[test]
    fn each_part_is_judged() {
        let star = |colour, x| object(Kind::Star, colour, x);
        let fish = |colour, x| object(Kind::Fish, colour, x);
        assert!(Verdict::of(Some(&seen(wanted().objects)), &wanted()).all());
        // Swapped: what they are is right, where they are is not.
        assert_eq!(verdict(vec![fish(Colour::Blue, 0.3), star(Colour::Red, 0.7)]), [true, true, true, false]);
        // Colours swapped between the objects.
        assert_eq!(verdict(vec![star(Colour::Blue, 0.3), fish(Colour::Red, 0.7)]), [true, false, true, true]);
        assert_eq!(verdict(vec![star(Colour::Red, 0.3), star(Colour::Blue, 0.7)]), [true, true, false, true]);
        assert_eq!(verdict(vec![star(Colour::Red, 0.3)]), [true, false, false, false]);
        assert_eq!(verdict(vec![]), [true, false, false, false]);
        assert_eq!(Verdict::of(None, &wanted()), Verdict::default());
    }

    #[test]
    fn one_more_than_wanted_is_wrong() {
        let single = Scene { objects: vec![object(Kind::Star, Colour::Red, 0.5)], ..wanted() };
        let v = Verdict::of(Some(&seen(wanted().objects)), &single);
        assert!(v.background && v.colour && v.kind && !v.relation);
    }
}
