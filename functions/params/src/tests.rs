//! The routes over in-memory engines.

use testkit::Kit;

mod changes;
mod reads;
mod schemas;

#[test]
fn openapi_is_fresh() {
    Kit::check_openapi(&crate::routes(), env!("CARGO_MANIFEST_DIR"));
}

fn kit() -> Kit {
    Kit::new(crate::routes())
}
