//! Verdicts counted, as rows of a table.

use std::fmt;

use super::Verdict;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    pub name: String,
    /// Of pictures, and of those where this is right.
    count: usize,
    background: usize,
    colour: usize,
    kind: usize,
    relation: usize,
    all: usize,
    /// Sum of the distances from the nearest renders.
    distance: f64,
}

impl Tally {
    pub const HEAD: &str = "| prompts | pictures | background | colour | kind | relation | all right | distance |\n\
        |---|--:|--:|--:|--:|--:|--:|--:|";

    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// `distance` is that of what was seen from the picture.
    pub fn add(&mut self, verdict: Verdict, distance: f32) {
        self.count += 1;
        self.background += usize::from(verdict.background);
        self.colour += usize::from(verdict.colour);
        self.kind += usize::from(verdict.kind);
        self.relation += usize::from(verdict.relation);
        self.all += usize::from(verdict.all());
        self.distance += f64::from(distance);
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// A row of a table in Markdown.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.count.max(1) as f64;
        write!(f, "| {} | {} |", self.name, self.count)?;
        for right in [self.background, self.colour, self.kind, self.relation, self.all] {
            write!(f, " {:.1} % |", 100.0 * right as f64 / all)?;
        }
        write!(f, " {:.3} |", self.distance / all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_are_counted() {
        let mut tally = Tally::named("English");
        assert!(tally.is_empty());
        let right = Verdict { background: true, colour: true, kind: true, relation: true };
        tally.add(right, 0.01);
        tally.add(Verdict { kind: false, ..right }, 0.03);
        assert_eq!(tally.to_string(), "| English | 2 | 100.0 % | 100.0 % | 50.0 % | 100.0 % | 50.0 % | 0.020 |");
        assert_eq!(
            tally.to_string().matches('|').count(),
            Tally::HEAD.lines().next().unwrap_or("").matches('|').count()
        );
    }
}
