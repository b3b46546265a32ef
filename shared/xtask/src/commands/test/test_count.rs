//! Counts passed and failed tests from the output of libtest, Rust's test harness.

use std::ops::AddAssign;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TestCount {
    pub passed: u64,
    pub failed: u64,
}

impl TestCount {
    /// Reads a line `test result: ok. 3 passed; 0 failed; …`; none for all other lines.
    pub fn from_line(line: &str) -> Option<TestCount> {
        let rest = line.trim().strip_prefix("test result: ")?;
        let number = |label: &str| {
            let before = rest.split(';').find_map(|part| part.trim().strip_suffix(label))?;
            before.split_whitespace().next_back()?.parse().ok()
        };
        Some(TestCount { passed: number("passed")?, failed: number("failed")? })
    }
}

impl AddAssign for TestCount {
    fn add_assign(&mut self, other: TestCount) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_are_counted() {
        let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s";
        let mut count = TestCount::from_line(line).expect("a result line");
        assert_eq!(count, TestCount { passed: 12, failed: 3 });
        assert_eq!(TestCount::from_line("test result: ok. 0 passed; 0 failed;"), Some(TestCount::default()));
        assert_eq!(TestCount::from_line("running 12 tests"), None);
        assert_eq!(TestCount::from_line("test result: ok."), None);
        count += TestCount { passed: 1, failed: 2 };
        assert_eq!(count, TestCount { passed: 13, failed: 5 });
    }
}
