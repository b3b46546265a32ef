//! The owner of a path: the longest known prefix of whole segments.

/// The most segments of a known prefix, so that a hostile path costs at most this many look-ups.
const DEPTH: usize = 4;

/// The path of an absolute URL as the platform serialises it (`scheme://host/path?query`), without query and fragment.
pub fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/");
    path.split(['?', '#']).next().unwrap_or("/")
}

/// The value of the longest prefix of `path` that `known` has one for.
pub fn longest<T>(path: &str, known: impl Fn(&str) -> Option<T>) -> Option<T> {
    let mut ends: [Option<&str>; DEPTH] = [None; DEPTH];
    let inner = path.match_indices('/').skip(1).map(|(at, _)| at).chain([path.len()]);
    for (slot, end) in ends.iter_mut().zip(inner) {
        *slot = path.get(..end);
    }
    ends.into_iter().rev().flatten().find_map(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(path: &str) -> Option<&'static str> {
        longest(path, |prefix| match prefix {
            "/api/tags" => Some("tags"),
            "/api/tags/popular" => Some("popular"),
            "/files" => Some("uploads"),
            _ => None,
        })
    }

    #[test]
    fn the_longest_prefix_of_whole_segments_wins() {
        assert_eq!(owner("/api/tags"), Some("tags"));
        assert_eq!(owner("/api/tags/"), Some("tags"));
        assert_eq!(owner("/api/tags/7/watch"), Some("tags"));
        assert_eq!(owner("/api/tags/popular/7"), Some("popular"));
        assert_eq!(owner("/files/a/b/c/d/e"), Some("uploads"));
    }

    #[test]
    fn a_part_of_a_segment_is_no_prefix() {
        for path in ["/api/tagsy", "/api", "/", "", "/filesystem", "//api/tags", "api/tags"] {
            assert_eq!(owner(path), None, "{path}");
        }
    }

    #[test]
    fn the_path_is_cut_out_of_the_url_as_text() {
        assert_eq!(path_of("http://h:1/a/b?c=/d"), "/a/b");
        assert_eq!(path_of("https://h"), "/");
        assert_eq!(path_of("https://h/#x"), "/");
        assert_eq!(path_of("http://h/a//b"), "/a//b");
    }

    #[test]
    fn a_path_of_many_segments_costs_few_look_ups() {
        let asked = std::cell::Cell::new(0);
        let none: Option<()> = longest(&"/a".repeat(10_000), |_| {
            asked.set(asked.get() + 1);
            None
        });
        assert!(none.is_none());
        assert_eq!(asked.get(), DEPTH);
    }
}
