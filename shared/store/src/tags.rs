//! Tags by their names, for the functions whose objects carry them.

use crate::args;
use crate::tx::Tx;

/// Inserts the tags of these names that do not exist yet, as the caller's. `names` is a JSON array.
pub fn create_missing(tx: &mut Tx, names: &str) {
    tx.exec(
        "INSERT INTO tags (name, user_id, created_at, updated_at) \
         SELECT DISTINCT n.value, :me, :now, :now FROM json_each(:names) n WHERE TRUE ON CONFLICT (name) DO NOTHING",
        args! { names },
    );
}

/// Names in order, each once. A user names few, and a sorting algorithm is 2 KiB of every function that has one.
pub fn sorted(names: Vec<String>) -> Vec<String> {
    let mut sorted: Vec<String> = Vec::with_capacity(names.len());
    for name in names {
        if let Err(at) = sorted.binary_search(&name) {
            sorted.insert(at, name);
        }
    }
    sorted
}
