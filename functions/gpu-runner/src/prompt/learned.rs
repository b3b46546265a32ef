//! Words of a prompt that stand for learned vectors.

/// A word and the ids of its vectors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Learned {
    pub token: String,
    pub first: u32,
    /// At least one.
    pub vectors: u32,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Text(&'a str),
    Word(&'a Learned),
}

/// Splits a text at the learned words in it, in any case; of several at one place the longest. A word that begins or
/// ends with a letter or digit is not found inside a longer one.
pub(super) fn pieces<'a>(text: &'a str, learned: &'a [Learned]) -> Vec<Piece<'a>> {
    let mut pieces = Vec::new();
    let (mut begin, mut at) = (0, 0);
    while let Some(next) = text[at..].chars().next() {
        let found = learned
            .iter()
            .filter_map(|word| Some((word, prefix(&text[at..], &word.token)?)))
            .filter(|(_, length)| alone(text, at, at + length))
            .max_by_key(|(_, length)| *length);
        let Some((word, length)) = found else {
            at += next.len_utf8();
            continue;
        };
        if begin < at {
            pieces.push(Piece::Text(&text[begin..at]));
        }
        pieces.push(Piece::Word(word));
        at += length;
        begin = at;
    }
    if begin < text.len() {
        pieces.push(Piece::Text(&text[begin..]));
    }
    pieces
}

/// How many bytes of `text` are `word` in some case; none when it begins otherwise.
fn prefix(text: &str, word: &str) -> Option<usize> {
    let mut letters = text.chars();
    for wanted in word.chars() {
        let letter = letters.next()?;
        if letter != wanted && !letter.to_lowercase().eq(wanted.to_lowercase()) {
            return None;
        }
    }
    let length = text.len() - letters.as_str().len();
    (length > 0).then_some(length)
}

fn alone(text: &str, begin: usize, end: usize) -> bool {
    let joined = |left: Option<char>, right: Option<char>| {
        left.is_some_and(char::is_alphanumeric) && right.is_some_and(char::is_alphanumeric)
    };
    let (before, word, after) = (&text[..begin], &text[begin..end], &text[end..]);
    !joined(before.chars().next_back(), word.chars().next()) && !joined(word.chars().next_back(), after.chars().next())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let word = |token: &str| Learned { token: token.into(), first: 0, vectors: 1 };
        let learned = [word("cat"), word("cat-toy"), word("<fox>"), word("貓"), word("")];
        let pieces = pieces(text, &learned);
        pieces
            .into_iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.to_string(),
                Piece::Word(word) => format!("[{}]", word.token),
            })
            .collect()
    }

    #[test]
    fn learned_words_are_found_where_they_stand_alone() {
        assert_eq!(found("a Cat, cats, tomcat"), ["a ", "[cat]", ", cats, tomcat"]);
        assert_eq!(found("CAT-TOY<fox>x"), ["[cat-toy]", "[<fox>]", "x"]);
        assert_eq!(found("İ貓 ﬁ"), ["İ貓 ﬁ"]);
        assert_eq!(found("、貓。"), ["、", "[貓]", "。"]);
        assert_eq!(found(""), [""; 0]);
    }
}
