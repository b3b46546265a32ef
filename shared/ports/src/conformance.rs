//! What every adapter must do, as plain checks that return what differs. The native tests call them directly; the
//! `conformance` function runs them inside workerd and Spin and answers with the list of failures.

use bytes::Bytes;

use crate::{BlobBody, Blobs, Kv, Part, Range, Rows, Sql, SqlError, Stmt, Value};

/// The outcome of one check.
pub type Check = Result<(), String>;

fn expect(holds: bool, what: &str) -> Check {
    if holds { Ok(()) } else { Err(what.to_string()) }
}

/// The database: needs the migrations applied; works in a table of its own and drops it.
pub async fn sql(sql: &dyn Sql) -> Check {
    let run = |batch: Vec<Stmt>| async move { sql.run(batch).await.map_err(|e| e.to_string()) };
    let stmt = |text: &'static str, args: Vec<Value>| Stmt::new(text, args);
    run(vec![
        stmt("DROP TABLE IF EXISTS conformance", vec![]),
        stmt(
            "CREATE TABLE conformance (id INTEGER PRIMARY KEY, name TEXT UNIQUE, n INTEGER CHECK (n >= 0), x REAL)",
            vec![],
        ),
    ])
    .await?;
    let big = domain::MAX_ID;
    let rows = run(vec![
        stmt("INSERT INTO conformance VALUES (1, ?1, ?2, ?3)", vec!["貓'\"\\".into(), big.into(), 0.5.into()]),
        stmt("INSERT INTO conformance (name) VALUES (?1) RETURNING id", vec![Value::Null]),
        stmt("SELECT name, n, x, NULL AS nil FROM conformance WHERE id = ?1", vec![1.into()]),
        stmt("SELECT json_group_array(json_object('n', n, 'name', name)) AS j FROM conformance", vec![]),
    ])
    .await?;
    let row = rows.get(2).and_then(Rows::first).ok_or("a row that was inserted is not found")?;
    expect(row.text("name") == Some("貓'\"\\"), "text does not survive the trip")?;
    expect(row.int("n") == Some(big), "2^53-1 does not survive the trip")?;
    expect(row.get("x") == Some(&Value::Real(0.5)), "a real number does not survive the trip")?;
    expect(row.get("nil") == Some(&Value::Null), "NULL does not survive the trip")?;
    expect(rows[1].first().and_then(|r| r.int("id")) == Some(2), "RETURNING does not return")?;
    let json = format!(r#"[{{"n":{big},"name":"貓'\"\\"}},{{"n":null,"name":null}}]"#);
    expect(rows[3].first().and_then(|r| r.text("j")) == Some(&json), "JSON is not built as SQLite builds it")?;

    let twice = sql
        .run(vec![
            stmt("INSERT INTO conformance (name) VALUES ('b')", vec![]),
            stmt("INSERT INTO conformance (name) VALUES ('b')", vec![]),
        ])
        .await;
    expect(twice.err() == Some(SqlError::Unique("conformance.name".into())), "UNIQUE is not reported by column")?;
    let check = sql.run(vec![stmt("INSERT INTO conformance (n) VALUES (-1)", vec![])]).await;
    expect(matches!(check, Err(SqlError::Constraint(_))), "CHECK is not reported")?;
    let guard = sql
        .run(vec![
            stmt("INSERT INTO conformance (name) VALUES ('c')", vec![]),
            stmt("INSERT INTO guard SELECT 'not_found', 0", vec![]),
        ])
        .await;
    expect(guard.err() == Some(SqlError::Guard("not_found".into())), "a guard is not reported by code")?;
    let rows = run(vec![
        stmt("INSERT INTO guard SELECT 'not_found', EXISTS (SELECT 1 FROM conformance)", vec![]),
        stmt("SELECT count(*) AS n FROM conformance", vec![]),
        stmt("DROP TABLE conformance", vec![]),
    ])
    .await?;
    expect(rows[1].first().and_then(|r| r.int("n")) == Some(2), "a failed batch leaves something behind")
}

pub async fn kv(kv: &dyn Kv) -> Check {
    let fail = |e: crate::KvError| e.0;
    expect(kv.get("conformance/absent").await.map_err(fail)?.is_none(), "an absent key has a value")?;
    kv.put("conformance/鍵", "值").await.map_err(fail)?;
    expect(kv.get("conformance/鍵").await.map_err(fail)?.as_deref() == Some("值"), "a value does not survive")?;
    kv.delete("conformance/鍵").await.map_err(fail)?;
    kv.delete("conformance/鍵").await.map_err(fail)
}

pub async fn blobs(blobs: &dyn Blobs) -> Check {
    let fail = |e: crate::BlobError| format!("{e:?}");
    let key = "conformance/a.bin";
    blobs.delete(key).await.map_err(fail)?;
    expect(blobs.head(key).await.map_err(fail)?.is_none(), "a deleted object is there")?;
    expect(blobs.get(key, None).await.map_err(fail)?.is_none(), "a deleted object can be read")?;
    let data = Bytes::from((0..=255).cycle().take(1000).collect::<Vec<u8>>());
    // sha256 of the 1000 bytes above.
    let wrong = "00".repeat(32);
    let refused = blobs.put(key, "image/png", Some(&wrong), BlobBody::Bytes(data.clone())).await;
    expect(refused.is_err(), "a wrong sha256 is accepted")?;
    let put = blobs.put(key, "image/png", None, BlobBody::Bytes(data.clone())).await.map_err(fail)?;
    expect(
        put.size == 1000 && put.content_type == "image/png" && !put.etag.is_empty(),
        "put describes another object",
    )?;
    let range = Some(Range { first: 10, last: 19 });
    let blob = blobs.get(key, range).await.map_err(fail)?.ok_or("a stored object is not there")?;
    expect(blob.info.size == 1000, "a range changes the object's size")?;
    expect(blob.body.read().await.map_err(fail)? == data.slice(10..20), "a range reads other bytes")?;
    let blob = blobs.get(key, None).await.map_err(fail)?.ok_or("a stored object is not there")?;
    expect(blob.info == put && blob.body.read().await.map_err(fail)? == data, "an object reads back differently")?;

    let key = "conformance/parts.bin";
    let upload = blobs.begin(key, "application/octet-stream").await.map_err(fail)?;
    let big = Bytes::from(vec![7; 5 << 20]);
    let one = blobs.put_part(key, &upload, 1, BlobBody::Bytes(big.clone())).await.map_err(fail)?;
    let two = blobs.put_part(key, &upload, 2, BlobBody::Bytes(data)).await.map_err(fail)?;
    let bad = Part { number: 2, etag: "no".into() };
    expect(blobs.complete(key, &upload, &[one.clone(), bad]).await.is_err(), "an unknown part is accepted")?;
    let whole = blobs.complete(key, &upload, &[one, two]).await.map_err(fail)?;
    expect(whole.size == (5 << 20) + 1000, "the parts do not make the whole")?;
    blobs.delete(key).await.map_err(fail)?;
    blobs.delete("conformance/a.bin").await.map_err(fail)
}
