//! Search text for SQLite's FTS5. Its trigram tokenizer finds no Chinese word of two characters, so text is indexed as
//! overlapping character pairs in a unicode61 table, and queried as a phrase of pairs.

/// The text for the index: `貓在窗台` → `貓在 在窗 窗台 台`. Latin words are indexed whole.
pub fn index(text: &str) -> String {
    let mut out = Vec::new();
    for run in runs(text) {
        match run {
            Run::Word(word) => out.push(word),
            Run::Wide(chars) => {
                out.extend(chars.windows(2).map(|pair| pair.iter().collect::<String>()));
                // The last character alone lets queries of one character match as a prefix everywhere.
                out.extend(chars.last().map(char::to_string));
            }
        }
    }
    out.join(" ")
}

/// The FTS5 MATCH expression that finds `text`; None when it holds neither letters nor digits.
pub fn query(text: &str) -> Option<String> {
    let mut terms = Vec::new();
    for run in runs(text) {
        match run {
            Run::Word(word) => terms.push(format!("\"{word}\"*")),
            Run::Wide(chars) => match chars.as_slice() {
                [single] => terms.push(format!("\"{single}\"*")),
                chars => {
                    let pairs: Vec<String> = chars.windows(2).map(|pair| pair.iter().collect()).collect();
                    terms.push(format!("\"{}\"", pairs.join(" ")));
                }
            },
        }
    }
    (!terms.is_empty()).then(|| terms.join(" "))
}

enum Run {
    Word(String),
    Wide(Vec<char>),
}

/// Splits text into words and runs of wide characters. Only letters and digits remain, so that no character with a
/// meaning in FTS5's query language passes.
fn runs(text: &str) -> Vec<Run> {
    let mut out: Vec<Run> = Vec::new();
    let mut open = false;
    for c in text.chars() {
        if !c.is_alphanumeric() {
            open = false;
            continue;
        }
        let wide = u32::from(c) >= 0x2E80;
        match out.last_mut() {
            Some(Run::Wide(chars)) if open && wide => chars.push(c),
            Some(Run::Word(word)) if open && !wide => word.extend(c.to_lowercase()),
            _ if wide => out.push(Run::Wide(vec![c])),
            _ => out.push(Run::Word(c.to_lowercase().collect())),
        }
        open = true;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_and_words() {
        assert_eq!(index("一隻Cat在窗台"), "一隻 隻 cat 在窗 窗台 台");
        assert_eq!(query("窗台").as_deref(), Some("\"窗台\""));
        assert_eq!(query("在窗台 Ca").as_deref(), Some("\"在窗 窗台\" \"ca\"*"));
        assert_eq!(query("\"*()^ -"), None);
    }
}
