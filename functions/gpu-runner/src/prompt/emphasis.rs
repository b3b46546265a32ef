//! How much the words of a prompt count, in the notation of AUTOMATIC1111's web UI.
//!
//! `(word)` counts 1.1 times, `[word]` a 1.1th, `(word:1.3)` 1.3 times; brackets nest, and what is left open lasts to
//! the end. `\(`, `\)`, `\[`, `\]` and `\\` are the characters themselves. `BREAK` ends a chunk.

/// What one pair of brackets does.
const STEP: f64 = 1.1;
/// Beyond this, either way, a weight only overflows.
const MAX_WEIGHT: f64 = 100.0;
const BREAK: &str = "BREAK";

#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    Text(String, f64),
    Break,
}

/// The parts of a prompt in their order; neighbours of one weight are one part.
pub fn parse(prompt: &str) -> Vec<Part> {
    let mut reader = Reader::default();
    let mut rest = prompt;
    while let Some(first) = rest.chars().next() {
        let mut taken = first.len_utf8();
        match first {
            '\\' => {
                let escaped = rest[taken..].chars().next().filter(|c| matches!(c, '(' | ')' | '[' | ']' | '\\'));
                taken += escaped.map_or(0, char::len_utf8);
                reader.text(escaped.unwrap_or('\\'));
            }
            '(' => reader.round.push(reader.letters.len()),
            '[' => reader.square.push(reader.letters.len()),
            ':' if !reader.round.is_empty() => match weight(rest) {
                Some((factor, length)) => {
                    reader.close_round(factor);
                    taken = length;
                }
                None => reader.text(':'),
            },
            ')' if !reader.round.is_empty() => reader.close_round(STEP),
            ']' if !reader.square.is_empty() => reader.close_square(),
            other => reader.text(other),
        }
        rest = &rest[taken..];
    }
    reader.finish()
}

/// Letters with their weights, and where the brackets that are open began.
#[derive(Default)]
struct Reader {
    letters: Vec<(char, f64)>,
    round: Vec<usize>,
    square: Vec<usize>,
}

impl Reader {
    fn text(&mut self, letter: char) {
        self.letters.push((letter, 1.0));
    }

    fn weigh(&mut self, from: usize, factor: f64) {
        for (_, weight) in self.letters.iter_mut().skip(from) {
            *weight *= factor;
        }
    }

    fn close_round(&mut self, factor: f64) {
        if let Some(from) = self.round.pop() {
            self.weigh(from, factor);
        }
    }

    fn close_square(&mut self) {
        if let Some(from) = self.square.pop() {
            self.weigh(from, 1.0 / STEP);
        }
    }

    fn finish(mut self) -> Vec<Part> {
        while !self.round.is_empty() {
            self.close_round(STEP);
        }
        while !self.square.is_empty() {
            self.close_square();
        }
        let mut runs: Vec<(String, f64)> = Vec::new();
        for (letter, weight) in self.letters {
            match runs.last_mut() {
                Some((run, same)) if *same == weight => run.push(letter),
                _ => runs.push((letter.to_string(), weight)),
            }
        }
        let mut parts = Vec::new();
        for (run, weight) in runs {
            split_breaks(&run, weight.clamp(-MAX_WEIGHT, MAX_WEIGHT), &mut parts);
        }
        parts
    }
}

/// `: 1.3 )` at the start of `text` → 1.3 and its length in bytes.
fn weight(text: &str) -> Option<(f64, usize)> {
    let (inside, _) = text.strip_prefix(':')?.split_once(')')?;
    let number = inside.trim();
    let digits = number.strip_prefix(['+', '-']).unwrap_or(number);
    let plain = !digits.is_empty() && digits.chars().all(|c| c == '.' || c.is_ascii_digit());
    let value = number.parse::<f64>().ok().filter(|_| plain)?;
    Some((value.clamp(-MAX_WEIGHT, MAX_WEIGHT), inside.len() + 2))
}

/// `BREAK` where it stands as a word.
fn split_breaks(run: &str, weight: f64, parts: &mut Vec<Part>) {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut begin = 0;
    for (at, _) in run.match_indices(BREAK) {
        let after = at + BREAK.len();
        if run[..at].ends_with(part_of_word) || run[after..].starts_with(part_of_word) {
            continue;
        }
        if !run[begin..at].trim().is_empty() {
            parts.push(Part::Text(run[begin..at].trim_end().to_string(), weight));
        }
        parts.push(Part::Break);
        begin = after;
    }
    if begin < run.len() {
        parts.push(Part::Text(run[begin..].to_string(), weight));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts and weights, rounded as people write them.
    fn read(prompt: &str) -> Vec<(String, f64)> {
        parse(prompt)
            .into_iter()
            .map(|part| match part {
                Part::Text(text, weight) => (text, (weight * 1e4).round() / 1e4),
                Part::Break => (BREAK.to_string(), -1.0),
            })
            .collect()
    }

    fn expect(prompt: &str, parts: &[(&str, f64)]) {
        let parts: Vec<_> = parts.iter().map(|(text, weight)| (text.to_string(), *weight)).collect();
        assert_eq!(read(prompt), parts, "{prompt:?}");
    }

    /// Among them the examples that stand beside the original.
    #[test]
    fn brackets_weigh() {
        expect("normal text", &[("normal text", 1.0)]);
        expect("an (important) word", &[("an ", 1.0), ("important", 1.1), (" word", 1.0)]);
        expect("(unbalanced", &[("unbalanced", 1.1)]);
        expect("\\(literal\\]", &[("(literal]", 1.0)]);
        expect("(unnecessary)(parens)", &[("unnecessaryparens", 1.1)]);
        expect(
            "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).",
            &[
                ("a ", 1.0),
                ("house", 1.573),
                (" ", 1.1),
                ("on", 1.0),
                (" a ", 1.1),
                ("hill", 0.55),
                (", sun, ", 1.1),
                ("sky", 1.4641),
                (".", 1.1),
            ],
        );
        expect("[[low]]", &[("low", 0.8264)]);
        expect("(x: -0.5 )", &[("x", -0.5)]);
    }

    #[test]
    fn what_is_no_notation_is_text() {
        expect("", &[]);
        expect("16:9, a:b)", &[("16:9, a:b)", 1.0)]);
        expect("(ratio 16:9 wide)", &[("ratio 16:9 wide", 1.1)]);
        expect("(x:1.2.3)", &[("x:1.2.3", 1.1)]);
        expect("(x:inf)(y:nan)(z:1e3)", &[("x:infy:nanz:1e3", 1.1)]);
        expect("a] b) \\ \\n", &[("a] b) \\ \\n", 1.0)]);
        expect("(動物:1.2)、貓🦊（全形）", &[("動物", 1.2), ("、貓🦊（全形）", 1.0)]);
    }

    #[test]
    fn break_is_a_word() {
        expect("a BREAK b", &[("a", 1.0), ("BREAK", -1.0), (" b", 1.0)]);
        expect("BREAKFAST aBREAK", &[("BREAKFAST aBREAK", 1.0)]);
        expect("BREAK", &[("BREAK", -1.0)]);
    }

    #[test]
    fn no_prompt_makes_a_weight_that_is_no_number() {
        let nested = "(".repeat(2_000) + "x" + &":100)".repeat(2_000);
        for prompt in
            [nested, "(".repeat(20_000) + "x", "[".repeat(20_000) + "x", "(x:".to_string() + &"9".repeat(500) + ")"]
        {
            for part in parse(&prompt) {
                let Part::Text(_, weight) = part else { panic!("{part:?}") };
                assert!(weight.is_finite() && weight.abs() <= MAX_WEIGHT, "{weight}");
            }
        }
    }
}
