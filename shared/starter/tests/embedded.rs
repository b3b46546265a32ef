//! The model that comes with the runner, asked for what its training never showed it.

use std::process::Command;

/// Of single objects, in both languages: what the card promises, less what chance may do to so few.
const RIGHT: f64 = 90.0;

#[test]
fn it_draws_what_the_prompt_says() {
    let cache = tempfile::TempDir::new().unwrap();
    let mut measure = Command::new(env!("CARGO_BIN_EXE_starter"));
    measure.args(["measure", "--prompts", "60", "--pairs", "0", "--seed", "9"]).env("XDG_CACHE_HOME", cache.path());
    let output = measure.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let table = String::from_utf8(output.stdout).unwrap();
    let all = table.lines().find(|line| line.starts_with("| all |")).unwrap();
    let shares: Vec<f64> = all.split('|').filter_map(|cell| cell.trim().strip_suffix(" %")?.parse().ok()).collect();
    let [background, colour, kind, _, right] = shares[..] else { panic!("{table}") };
    assert!(right >= RIGHT && background >= right && colour >= right && kind >= right, "{table}");
}
