//! The balance, the entries it is the sum of, and redeem codes.

use domain::Lang;
use serde_json::{Value, json};
use store::{Scope, Tx, list};
use testkit::Account;

use super::{balance, code, data, kit, refused, submit};
use crate::entries::ENTRIES;

#[tokio::test]
async fn the_balance_says_when_the_first_points_expire() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let ask = async || data(&kit.get("/user/points/consumption/balance").by(&ann).send().await);
    assert_eq!(ask().await, json!({"userId": ann.id, "balance": 100_000, "expireTime": null}));
    let now = kit.now().0;
    for (points, expires) in [(5, now + 86_400_000), (7, now + 3_600_000), (9, now + 7_200_000)] {
        kit.sql(
            "INSERT INTO grants (user_id, kind, amount, remaining, expires_at, created_at) \
             VALUES (?1, 'grant', ?2, ?2, ?3, ?4)",
            [ann.id.into(), points.into(), expires.into(), now.into()],
        )
        .await;
    }
    assert_eq!(ask().await, json!({"userId": ann.id, "balance": 100_021, "expireTime": "2026-11-20T09:00:00"}));
    kit.wait(3_600_000);
    assert_eq!(ask().await, json!({"userId": ann.id, "balance": 100_014, "expireTime": "2026-11-20T10:00:00"}));
    // What expires first is spent first.
    submit(&kit, &ann).await;
    assert_eq!(ask().await, json!({"userId": ann.id, "balance": 99_984, "expireTime": null}));
}

#[tokio::test]
async fn entries_say_what_points_came_from_and_went_to() {
    let kit = kit();
    let (ann, bob) = (kit.user("ann").await, kit.user("bob").await);
    kit.wait(1000);
    let number = submit(&kit, &ann).await;
    submit(&kit, &bob).await;
    kit.wait(1000);
    data(&kit.call("POST", &format!("/user/ai/tasks/{number}/cancel")).by(&ann).send().await);
    kit.sql(
        "INSERT INTO grants (user_id, kind, amount, remaining, reason, created_at) \
         VALUES (?1, 'grant', 5, 5, '活动', 0)",
        [ann.id.into()],
    )
    .await;
    kit.sql(
        "INSERT INTO grants (user_id, kind, amount, remaining, created_at) VALUES (?1, 'redeem', 6, 6, 0)",
        [ann.id.into()],
    )
    .await;
    let ask = async |query: &str| {
        let page = kit.get(&format!("/user/points/consumption/list?{query}")).by(&ann).send().await;
        data(&page)
    };
    let page = ask("size=2&page=2").await;
    assert_eq!((&page["total"], &page["pages"], &page["current"]), (&json!(5), &json!(3), &json!(2)));
    let page = ask("").await;
    let brief = |r: &Value| (r["type"].clone(), r["points"].clone(), r["taskNo"].clone(), r["description"].clone());
    let entries: Vec<_> = page["records"].as_array().unwrap().iter().map(brief).collect();
    assert_eq!(
        entries,
        [
            (json!("redeem"), json!(6), json!(null), json!("兑换码兑换")),
            (json!("grant"), json!(5), json!(null), json!("活动")),
            (json!("refund"), json!(30), json!(number), json!("任务未完成，积分退还")),
            (json!("consume"), json!(-30), json!(number), json!("提交任务")),
            (json!("grant"), json!(100_000), json!(null), json!("管理员发放")),
        ]
    );
    assert_eq!(page["records"][3]["createTime"], "2026-11-20T08:00:01");
    let sum: i64 = page["records"].as_array().unwrap().iter().map(|r| r["points"].as_i64().unwrap()).sum();
    assert_eq!(sum, balance(&kit, &ann).await);
    assert_eq!(ask("type=consume").await["total"], 1);
    let reply = kit.get("/user/points/consumption/list?type=capture").by(&ann).send().await;
    assert_eq!(refused(&reply), "400 invalid_parameter:type");

    kit.sql("UPDATE tasks SET status = 'success', finished_at = 9 WHERE id = 2", []).await;
    let bobs = data(&kit.get("/user/points/consumption/list").by(&bob).send().await);
    assert_eq!(bobs["total"], 2, "a capture is not listed");
}

#[tokio::test]
async fn descriptions_of_entries_come_in_three_languages() {
    let kit = kit();
    let ann = kit.user("ann").await;
    for (kind, expires) in [("signup", None), ("redeem", Some(kit.now().0 + 1))] {
        kit.sql(
            "INSERT INTO grants (user_id, kind, amount, remaining, expires_at, created_at) \
             VALUES (?1, ?2, 5, 5, ?3, 0)",
            [ann.id.into(), kind.into(), expires.into()],
        )
        .await;
    }
    kit.wait(2);
    store::sweep::round(&kit.runtime()).await.unwrap();
    let number = submit(&kit, &ann).await;
    data(&kit.call("POST", &format!("/user/ai/tasks/{number}/cancel")).by(&ann).send().await);
    for (lang, expected) in [
        (Lang::Hans, ["管理员发放", "注册赠送", "兑换码兑换", "积分过期", "提交任务", "任务未完成，积分退还"]),
        (Lang::Hant, ["管理員發放", "註冊贈送", "兌換碼兌換", "積分過期", "提交任務", "任務未完成，積分退還"]),
        (
            Lang::En,
            [
                "Granted by an administrator",
                "Sign-up gift",
                "Code redeemed",
                "Points expired",
                "Task submitted",
                "Task not completed; points returned",
            ],
        ),
    ] {
        let mut tx = Tx::new(kit.runtime().sql, Scope { me: ann.id, lang, ..Scope::system(kit.now()) });
        let entries = tx.push(list::item_where(&ENTRIES, tx.scope, "TRUE", []));
        let outcome = tx.run().await.unwrap();
        let description = |item: &str| serde_json::from_str::<Value>(item).unwrap()["description"].clone();
        let found = outcome.rows(entries).iter().map(|row| description(row.text("item").unwrap()));
        assert_eq!(found.collect::<Vec<_>>(), expected, "{lang:?}");
    }
    let page = kit.get("/user/points/consumption/list").header("accept-language", "en").by(&ann).send().await;
    assert_eq!(data(&page)["records"][5]["description"], "管理员发放", "this API speaks Chinese alone");
}

#[tokio::test]
async fn api_keys_need_the_scope_tasks_to_submit() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let (full, reader) = (kit.key(&ann, &["read", "tasks"]).await, kit.key(&ann, &["read"]).await);
    submit(&kit, &full).await;
    assert_eq!(balance(&kit, &reader).await, 100_000 - 30);
    let body = json!({"modelName": "sc_soraimg_text_1x1", "prompt": "a"});
    let reply = kit.post("/user/ai/tasks/submit", body).header("x-api-key", &reader.token).send().await;
    assert_eq!(refused(&reply), "403 missing_scope");
}

#[tokio::test]
async fn a_code_gives_points_once() {
    let kit = kit();
    let (ann, bob, cid) = (kit.user("ann").await, kit.user("bob").await, kit.user("cid").await);
    let text = code(&kit, 1, 2).await;
    let redeem = async |by: &Account, text: &str, key: &str| {
        let call = kit.post("/user/points/redeem", json!({"code": text})).header("idempotency-key", key);
        call.by(by).send().await
    };
    let typed = text.to_lowercase().replace('-', " ");
    let first = redeem(&ann, &typed, "1").await;
    assert_eq!(data(&first), json!({"points": 50, "expireTime": "2026-11-20T09:00:00", "balance": 100_050}));
    assert_eq!(redeem(&ann, &typed, "1").await.bytes, first.bytes);
    assert_eq!(refused(&redeem(&ann, &typed, "2").await), "409 already_redeemed");
    data(&redeem(&bob, &text, "1").await);
    assert_eq!(refused(&redeem(&cid, &text, "1").await), "404 redeem_code_invalid");
    for bad in ["0", "not a code", "00000-00000-00000-00000", "\u{1f600}"] {
        assert_eq!(refused(&redeem(&cid, bad, "2").await), "404 redeem_code_invalid", "{bad}");
    }
    for (body, error) in [
        (json!({}), "missing_parameter:code"),
        (json!({"code": 7}), "invalid_parameter:code"),
        (json!({"code": "x".repeat(101)}), "invalid_parameter:code"),
    ] {
        let reply = kit.post("/user/points/redeem", body).by(&cid).send().await;
        assert_eq!(refused(&reply), format!("400 {error}"));
    }
    assert_eq!(
        [balance(&kit, &ann).await, balance(&kit, &bob).await, balance(&kit, &cid).await],
        [100_050, 100_050, 100_000]
    );
}

#[tokio::test]
async fn a_user_may_try_twenty_codes_an_hour() {
    let kit = kit();
    let (ann, bob) = (kit.user("ann").await, kit.user("bob").await);
    let redeem =
        async |by: &Account, text: &str| kit.post("/user/points/redeem", json!({"code": text})).by(by).send().await;
    for _ in 0..20 {
        assert_eq!(redeem(&ann, "0000-0000-0000-0000-0000").await.status, 404);
    }
    let text = code(&kit, 1, 9).await;
    let late = redeem(&ann, &text).await;
    assert_eq!(refused(&late), "429 too_many_requests");
    assert_eq!(late.header("retry-after"), "3600");
    data(&redeem(&bob, &text).await);
    kit.wait(3_600_000);
    data(&redeem(&ann, &text).await);
}
