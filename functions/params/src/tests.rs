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

#[tokio::test]
async fn replies_are_those_of_the_golden_file() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let paths = ["/api/params", "/api/params/image", "/api/params/model"];
    testkit::golden::check(&kit, env!("CARGO_MANIFEST_DIR"), "params", &ann, &paths).await;
}
