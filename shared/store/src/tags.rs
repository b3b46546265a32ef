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
