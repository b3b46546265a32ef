//! The routes over in-memory SQLite with the real migrations.

use serde_json::{Value, json};
use store::{Scope, Tx};
use testkit::rules::{self, CreatedBy, Resource, SeenBy};
use testkit::{Account, Kit, golden};

#[test]
fn openapi_is_fresh() {
    Kit::check_openapi(&crate::routes(), env!("CARGO_MANIFEST_DIR"));
}

#[tokio::test]
async fn redeem_codes_keep_the_rules_of_every_resource() {
    let resource = Resource {
        path: PATH,
        create: &|n| json!({"points": 1, "note": format!("n{n}")}),
        change: None,
        seen_by: SeenBy::Administrators,
        created_by: CreatedBy::Administrators,
    };
    resource.check(&kit()).await;
}

const PATH: &str = "/api/redeem-codes";

fn kit() -> Kit {
    Kit::new(crate::routes())
}

async fn make(kit: &Kit, by: &Account, body: Value) -> Value {
    let made = kit.post(PATH, body).by(by).send().await;
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()["codes"].clone()
}

fn code(codes: &Value, i: usize) -> &str {
    codes[i]["code"].as_str().unwrap()
}

/// Redeems a code as `POST /user/points/redeem` does. Returns the points and their end in milliseconds, or the code of
/// the error.
async fn redeem(kit: &Kit, by: &Account, text: &str) -> Result<(i64, Option<i64>), &'static str> {
    let digits = domain::redeem_code::read(text).unwrap();
    let mut tx = Tx::new(kit.runtime().sql, Scope { me: by.id, ..Scope::system(kit.now()) });
    store::redeem::redeem(&mut tx, &web::sha256_hex(digits.as_bytes()));
    let grant = tx.exec("SELECT amount AS points, expires_at FROM grants WHERE id = last_insert_rowid()", []);
    let outcome = tx.run().await.map_err(|e| e.code())?;
    let row = outcome.row(grant).unwrap();
    Ok((row.int("points").unwrap(), row.int("expires_at")))
}

#[tokio::test]
async fn replies_are_those_of_the_golden_file() {
    let kit = kit();
    let root = kit.admin("root").await;
    make(&kit, &root, json!({"points": 50, "note": "活動", "expires_at": "2030-01-01T00:00:00Z", "grant_days": 30}))
        .await;
    golden::check(&kit, env!("CARGO_MANIFEST_DIR"), "redeem-codes", &root, &[PATH, "/api/redeem-codes/1"]).await;
}

#[tokio::test]
async fn a_code_is_created_redeemed_and_deleted() {
    let kit = kit();
    let (ann, bob, root) = (kit.user("ann").await, kit.user("bob").await, kit.admin("root").await);
    let made = kit.post(PATH, json!({"points": 50, "note": " 活動 "})).by(&root).send().await;
    assert_eq!((made.status, made.header("location")), (201, "/api/redeem-codes/1"), "{}", made.text());
    let text = made.json()["codes"][0]["code"].as_str().unwrap().to_string();
    let mut expected = json!({"id": 1, "prefix": &text[..4], "points": 50, "max_uses": 1, "uses": 0, "usable": true,
        "expires_at": null, "grant_days": null, "grant_expires_at": null, "note": "活動", "user_id": root.id,
        "created_at": "2026-11-20T00:00:00.000Z", "updated_at": "2026-11-20T00:00:00.000Z"});
    assert_eq!(kit.get("/api/redeem-codes/1").by(&root).send().await.json(), expected);
    assert_eq!(kit.get(PATH).by(&root).send().await.json()["list"], json!([expected]));
    let listed = expected.clone();
    expected["code"] = json!(text);
    assert_eq!(made.json(), json!({"id": 1, "codes": [expected]}));
    testkit::assert_shape(&crate::NEW_CODES, &made.json());
    assert_eq!((text.len(), text.matches('-').count()), (24, 4));
    assert!(kit.number("SELECT length(hash) FROM redeem_codes").await == 64);

    kit.wait(1000);
    let balance = "SELECT balance FROM accounts WHERE id = 1";
    let before = kit.number(balance).await;
    assert_eq!(redeem(&kit, &ann, &text.to_lowercase().replace('-', " ")).await, Ok((50, None)));
    assert_eq!(kit.number(balance).await - before, 50);
    assert_eq!(redeem(&kit, &ann, &text).await, Err("already_redeemed"));
    assert_eq!(redeem(&kit, &bob, &text).await, Err("redeem_code_invalid"), "used up");
    assert_eq!(kit.number(balance).await - before, 50);
    let used = kit.get("/api/redeem-codes/1").by(&root).send().await.json();
    assert_eq!((&used["uses"], &used["usable"]), (&json!(1), &json!(false)));
    assert!(used["updated_at"].as_str() > listed["updated_at"].as_str());
    let rows = kit.sql("SELECT reason FROM grants WHERE kind = 'redeem' AND user_id = 1", []).await;
    assert_eq!(rows.first().and_then(|r| r.text("reason")), Some(&text[..4]));

    assert_eq!(kit.delete("/api/redeem-codes/1").by(&root).send().await.status, 204);
    let never = kit.get("/api/redeem-codes/999").by(&root).send().await;
    assert_eq!((never.status, kit.get("/api/redeem-codes/1").by(&root).send().await.bytes), (404, never.bytes));
    assert_eq!(redeem(&kit, &ann, &text).await, Err("redeem_code_invalid"));
    assert_eq!(kit.number(balance).await - before, 50, "points that were given stay");
}

#[tokio::test]
async fn codes_are_all_different_and_not_stored() {
    let kit = kit();
    let root = kit.admin("root").await;
    let call = || kit.post(PATH, json!({"points": 1, "count": 100})).header("idempotency-key", "k").by(&root);
    let (first, again) = (call().send().await, call().send().await);
    assert_eq!((first.status, &first.bytes, first.header("location")), (201, &again.bytes, again.header("location")));
    let codes = first.json()["codes"].clone();
    let mut texts: Vec<&str> = (0..100).map(|i| code(&codes, i)).collect();
    let ids: Vec<i64> = codes.as_array().unwrap().iter().filter_map(|c| c["id"].as_i64()).collect();
    assert_eq!(ids, (1..=100).collect::<Vec<_>>());
    for text in &texts {
        assert!(domain::redeem_code::read(text).is_some());
        for (sql, what) in [
            ("SELECT count(*) FROM redeem_codes WHERE instr(hash || batch || note || prefix, ?1)", "the table"),
            ("SELECT count(*) FROM idempotency WHERE instr(response, ?1)", "the stored responses"),
        ] {
            for form in [text.to_string(), text.replace('-', "")] {
                let rows = kit.sql(sql, [form.into()]).await;
                assert_eq!(rows.values, [[ports::Value::Int(0)]], "{what}");
            }
        }
    }
    texts.sort();
    texts.dedup();
    assert_eq!((texts.len(), kit.number("SELECT count(*) FROM redeem_codes").await), (100, 100));
}

#[tokio::test]
async fn a_repeat_survives_a_change_of_keys() {
    let mut kit = kit();
    let root = kit.admin("root").await;
    let first = kit.post(PATH, json!({"points": 1})).header("idempotency-key", "k").by(&root).send().await;
    kit.config.jwt_keys.reverse();
    let again = kit.post(PATH, json!({"points": 1})).header("idempotency-key", "k").by(&root).send().await;
    assert_eq!((first.status, &first.bytes), (201, &again.bytes));
    assert_eq!(redeem(&kit, &root, code(&again.json()["codes"], 0)).await, Ok((1, None)));
}

#[tokio::test]
async fn a_code_is_redeemed_max_uses_times_and_once_by_each_user() {
    let kit = kit();
    let root = kit.admin("root").await;
    let codes = make(&kit, &root, json!({"points": 5, "max_uses": 2, "count": 2})).await;
    let mut users = Vec::new();
    for name in ["ann", "bob", "cid"] {
        users.push(kit.user(name).await);
    }
    assert_eq!(redeem(&kit, &users[0], code(&codes, 0)).await, Ok((5, None)));
    assert_eq!(redeem(&kit, &users[0], code(&codes, 0)).await, Err("already_redeemed"));
    assert_eq!(redeem(&kit, &users[1], code(&codes, 0)).await, Ok((5, None)));
    assert_eq!(redeem(&kit, &users[2], code(&codes, 0)).await, Err("redeem_code_invalid"));
    assert_eq!(redeem(&kit, &users[2], code(&codes, 1)).await, Ok((5, None)), "another code");
    assert_eq!(redeem(&kit, &users[0], code(&codes, 1)).await, Ok((5, None)));
    assert_eq!(kit.number("SELECT sum(amount) FROM grants WHERE kind = 'redeem'").await, 20);
    assert_eq!(kit.number("SELECT sum(uses) FROM redeem_codes").await, 4);
    assert_eq!(kit.number("SELECT sum(balance) FROM accounts").await, 0);
    assert_eq!(kit.get("/api/redeem-codes?usable=true").by(&root).send().await.json()["total"], 0);
}

#[tokio::test]
async fn codes_and_their_points_expire() {
    let kit = kit();
    let (ann, root) = (kit.user("ann").await, kit.admin("root").await);
    let day = 24 * 60 * 60 * 1000;
    let soon = kit.now().plus(day).rfc3339();
    let a = make(&kit, &root, json!({"points": 1, "expires_at": soon, "grant_days": 30})).await;
    let b = make(&kit, &root, json!({"points": 2, "expiresAt": soon, "count": 2})).await;
    let c = make(&kit, &root, json!({"points": 3, "grant_expires_at": soon, "max_uses": 9, "count": 2})).await;
    assert_eq!((&a[0]["grant_days"], &a[0]["expires_at"]), (&json!(30), &json!(soon)));
    kit.wait(day - 1);
    assert_eq!(redeem(&kit, &ann, code(&a, 0)).await, Ok((1, Some(kit.now().0 + 30 * day))));
    assert_eq!(redeem(&kit, &ann, code(&b, 0)).await, Ok((2, None)));
    assert_eq!(redeem(&kit, &ann, code(&c, 0)).await, Ok((3, Some(kit.now().0 + 1))));
    kit.wait(1);
    assert_eq!(redeem(&kit, &ann, code(&b, 1)).await, Err("redeem_code_invalid"), "the code's end");
    assert_eq!(redeem(&kit, &ann, code(&c, 1)).await, Err("redeem_code_invalid"), "its points would be gone");
    assert_eq!(kit.get("/api/redeem-codes?usable=true").by(&root).send().await.json()["total"], 0);
}

#[tokio::test]
async fn only_administrators_create_and_see_codes() {
    let kit = kit();
    let (ann, root) = (kit.user("ann").await, kit.admin("root").await);
    let body = json!({"points": 1});
    assert_eq!(kit.post(PATH, body.clone()).by(&ann).send().await.error(), "forbidden");
    assert_eq!(kit.number("SELECT count(*) FROM redeem_codes").await, 0);
    assert_eq!(kit.post(PATH, body.clone()).by(&root).send().await.status, 201);
    let never = kit.get("/api/redeem-codes/99").send().await;
    assert_eq!(never.status, 404);
    assert_eq!(kit.get("/api/redeem-codes/1").send().await.bytes, never.bytes);
    assert_eq!(kit.patch("/api/redeem-codes/1", body.clone()).by(&root).send().await.status, 405);
    let key = kit.key(&root, &["read", "tasks"]).await;
    assert_eq!(kit.post(PATH, body.clone()).by(&key).send().await.error(), "missing_scope");
    assert_eq!(kit.number("SELECT count(*) FROM redeem_codes").await, 1);
}

#[tokio::test]
async fn lists_are_filtered_and_sorted_in_both_versions() {
    let kit = kit();
    let root = kit.admin("root").await;
    make(&kit, &root, json!({"points": 9, "note": "Spring", "count": 3})).await;
    kit.wait(1000);
    let codes = make(&kit, &root, json!({"points": 4, "note": "秋天"})).await;
    for (query, total) in [
        ("search=spring".to_string(), 3),
        ("search=%E7%A7%8B%E5%A4%A9".into(), 1),
        (format!("search={}", codes[0]["prefix"].as_str().unwrap()), 1),
        ("usable=false".into(), 0),
        ("usable=true&user=me".into(), 4),
        ("user=99".into(), 0),
        ("date=2026".into(), 4),
    ] {
        assert_eq!(kit.get(&format!("{PATH}?{query}")).by(&root).send().await.json()["total"], total, "{query}");
    }
    let first = kit.get("/api/redeem-codes?sort=points&size=1").by(&root).send().await.json();
    assert_eq!((&first["list"][0]["points"], &first["next"]), (&json!(9), &json!(true)));
    let v0 = kit.get("/api/redeem-codes?profile=v0").by(&root).send().await.json()["list"][0].clone();
    assert_eq!((&v0["maxUses"], &v0["user"]["user_name"], v0.get("max_uses")), (&json!(1), &json!("root"), None));
    let made = kit.post("/api/redeem-codes?profile=v0", json!({"points": 1})).by(&root).send().await.json();
    assert_eq!((&made["codes"][0]["maxUses"], code(&made["codes"], 0).len()), (&json!(1), 24));
}

#[tokio::test]
async fn refused_requests_name_the_field_and_change_nothing() {
    let kit = kit();
    let root = kit.admin("root").await;
    let past = "2026-11-20T00:00:00Z";
    let refusals = [
        (json!({}), "400 missing_parameter:points"),
        (json!({"points": 0}), "400 invalid_parameter:points"),
        (json!({"points": 1_000_000_001}), "400 invalid_parameter:points"),
        (json!({"points": 1e300}), "400 invalid_parameter:points"),
        (json!({"points": 1, "count": 0}), "400 invalid_parameter:count"),
        (json!({"points": 1, "count": 101}), "400 invalid_parameter:count"),
        (json!({"points": 1, "max_uses": 0}), "400 invalid_parameter:max_uses"),
        (json!({"points": 1, "expires_at": past}), "400 invalid_parameter:expires_at"),
        (json!({"points": 1, "expires_at": "soon"}), "400 invalid_parameter:expires_at"),
        (json!({"points": 1, "grant_expires_at": past}), "400 invalid_parameter:grant_expires_at"),
        (json!({"points": 1, "grant_days": 0}), "400 invalid_parameter:grant_days"),
        (
            json!({"points": 1, "grant_days": 1, "grant_expires_at": "2999-01-01T00:00:00Z"}),
            "400 invalid_parameter:grant_expires_at",
        ),
        (json!({"points": 1, "note": "x".repeat(201)}), "400 invalid_parameter:note"),
    ];
    rules::refuses_bodies(&kit, "POST", PATH, &root, &refusals).await;
    rules::refuses_malformed_bodies(&kit, "POST", PATH, &root).await;
    assert_eq!(kit.number("SELECT count(*) FROM redeem_codes").await, 0);
}

#[tokio::test]
async fn deleting_a_code_is_published() {
    let kit = kit();
    let root = kit.admin("root").await;
    kit.batches();
    kit.post(PATH, json!({"points": 1, "count": 3})).by(&root).send().await;
    assert_eq!(kit.batches(), 1, "many codes are one transaction");
    kit.delete("/api/redeem-codes/2").by(&root).send().await;
    let published = kit.published().await;
    let [(room, event)] = published.as_slice() else { panic!("{published:?}") };
    assert!(room == "redeem-codes/2" && event.end && event.public.is_none() && event.owner.is_none());
}

#[tokio::test]
async fn lists_read_no_more_than_they_show() {
    testkit::plans::check(&crate::routes(), &[]).await;
}
