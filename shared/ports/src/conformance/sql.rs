//! Checks of the database.

use super::{Check, expect};
use crate::{Rows, Sql, SqlError, Stmt, Value};

/// The database. The migrations must be applied; the checks use a table of their own and drop it.
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
    let returned = |i: usize| rows.get(i).and_then(Rows::first);
    expect(returned(1).and_then(|r| r.int("id")) == Some(2), "RETURNING does not return")?;
    let json = format!(r#"[{{"n":{big},"name":"貓'\"\\"}},{{"n":null,"name":null}}]"#);
    expect(returned(3).and_then(|r| r.text("j")) == Some(&json), "JSON is not built as SQLite builds it")?;

    let twice = sql
        .run(vec![
            stmt("INSERT INTO conformance (name) VALUES ('b')", vec![]),
            stmt("INSERT INTO conformance (name) VALUES ('b')", vec![]),
        ])
        .await;
    let column = matches!(twice, Err(SqlError::Unique(column)) if column == "conformance.name");
    expect(column, "UNIQUE is not reported by column")?;
    let check = sql.run(vec![stmt("INSERT INTO conformance (n) VALUES (-1)", vec![])]).await;
    expect(matches!(check, Err(SqlError::Constraint(_))), "CHECK is not reported")?;
    let guard = sql
        .run(vec![
            stmt("INSERT INTO conformance (name) VALUES ('c')", vec![]),
            stmt("INSERT INTO guard SELECT 7, 0", vec![]),
        ])
        .await;
    expect(matches!(guard, Err(SqlError::Guard(number)) if number == "7"), "a guard is not reported by number")?;
    let rows = run(vec![
        stmt("INSERT INTO guard SELECT 7, EXISTS (SELECT 1 FROM conformance)", vec![]),
        stmt("SELECT count(*) AS n FROM conformance", vec![]),
        stmt("DROP TABLE conformance", vec![]),
    ])
    .await?;
    let left = rows.get(1).and_then(Rows::first).and_then(|r| r.int("n"));
    expect(left == Some(2), "a failed batch leaves something behind")
}
