//! Lists against a slow and obvious query: whatever the filters, the order and the caller, a list shows the rows that
//! the caller may see, in order, page by page and by cursor, and counts them.

use domain::{Lang, Millis};
use ports::{Stmt, Value};
use store::spec::{BY_NAME, DATE_FILTER, NEWEST, OLDEST, PUBLIC_FILTER, USER_FILTER};
use store::{ApiVersion, Column, Filter, FilterRule, Kind, Link, ListQuery, Page, Scope, Spec, Tx, Visible};
use testkit::Kit;

static LINK: Link =
    Link { table: "image_tags", row: "image_id", value: "tag_id", values: "tags", counts: "tag_counts" };

const TAGGED: &str = "t.id IN (SELECT x.image_id FROM image_tags x JOIN tags g ON g.id = x.tag_id \
    WHERE g.id IN ({ids}) OR g.name IN ({names}))";

static IMAGES: Spec = Spec {
    name: "images",
    from: "images t",
    columns: &[Column::new("id", "t.id", Kind::Int)],
    visible: Visible::PublicOrOwn,
    counted: true,
    filters: &[
        USER_FILTER,
        PUBLIC_FILTER,
        DATE_FILTER,
        Filter { name: "tag", aliases: &[], rule: FilterRule::Linked(TAGGED, &LINK) },
        Filter { name: "nsfw", aliases: &[], rule: FilterRule::Flag("t.nsfw") },
    ],
    sorts: &[NEWEST, OLDEST, BY_NAME],
    ..Spec::EMPTY
};

/// Callers: anonymous, users, an administrator.
const CALLERS: [i64; 4] = [0, 1, 2, 4];

/// A condition for the obvious query beside each filter.
const FILTERS: [(&str, &str); 14] = [
    ("", "TRUE"),
    ("user=1", "t.user_id = 1"),
    ("user=1,2", "t.user_id IN (1, 2)"),
    ("user=1&user=2", "FALSE"),
    ("public=true", "t.public = 1"),
    ("public=false", "t.public = 0"),
    ("public=false,true&user=2", "t.user_id = 2"),
    ("date=20231115%2B", "t.created_at >= 1700006400000"),
    ("date=2022~2022,20231115%2B", "t.created_at >= 1700006400000"),
    ("tag=one", "EXISTS (SELECT 1 FROM image_tags x WHERE x.image_id = t.id AND x.tag_id = 1)"),
    ("tag=2&user=2", "t.user_id = 2 AND EXISTS (SELECT 1 FROM image_tags x WHERE x.image_id = t.id AND x.tag_id = 2)"),
    ("tag=1,two", "EXISTS (SELECT 1 FROM image_tags x WHERE x.image_id = t.id AND x.tag_id IN (1, 2))"),
    ("tag=1&tag=2", "(SELECT count(*) FROM image_tags x WHERE x.image_id = t.id AND x.tag_id IN (1, 2)) = 2"),
    ("tag=1&nsfw=true", "t.nsfw = 1 AND EXISTS (SELECT 1 FROM image_tags x WHERE x.image_id = t.id AND x.tag_id = 1)"),
];

/// 60 images of three users, some private, many of the same moment, with two tags; some changed and some deleted since.
async fn filled() -> Kit {
    let kit = Kit::without_function();
    for name in ["ann", "bob", "eve"] {
        kit.user(name).await;
    }
    kit.admin("admin").await;
    kit.sql("INSERT INTO tags (name, user_id, created_at, updated_at) VALUES ('one', 1, 0, 0), ('two', 1, 0, 0)", [])
        .await;
    let mut random = fastrand::Rng::with_seed(7);
    for id in 1..=60_i64 {
        let (user, public) = (random.i64(1..=3), random.i64(0..=1));
        let (at, nsfw) = (1_700_000_000_000 + random.i64(0..=9) * 1_000_000, random.i64(0..=1));
        kit.sql(
            "INSERT INTO images (id, name, key, width, height, size, sha256, prompt, num_inference_steps, guidance_scale, \
             scheduler, seed, public, user_id, nsfw, created_at, updated_at) \
             VALUES (?1, 'n' || (?1 % 5), ?1, 64, 64, 1, '', '', 1, 1, 'DDIM', 1, ?2, ?3, ?4, ?5, ?5)",
            [id.into(), public.into(), user.into(), nsfw.into(), at.into()],
        )
        .await;
        for tag in [1_i64, 2] {
            if random.bool() {
                kit.sql("INSERT INTO image_tags (image_id, tag_id) VALUES (?1, ?2)", [id.into(), tag.into()]).await;
            }
        }
    }
    for sql in [
        "UPDATE images SET public = 1 - public WHERE id % 7 = 0",
        "UPDATE images SET name = 'x' WHERE id % 11 = 0",
        "DELETE FROM images WHERE id % 13 = 0",
        "DELETE FROM image_tags WHERE image_id % 17 = 0",
    ] {
        kit.sql(sql, []).await;
    }
    kit
}

async fn page(kit: &Kit, me: i64, query: &str) -> Page {
    let scope = Scope { me, now: Millis(0), version: ApiVersion::V1, lang: Lang::En };
    let query = ListQuery::parse(&IMAGES, query, me).unwrap();
    let mut tx = Tx::new(kit.runtime().sql, scope);
    let stmt = tx.page(&IMAGES, &query);
    stmt.read(&query, &tx.run().await.unwrap())
}

fn ids(page: &Page) -> Vec<i64> {
    let rows: Vec<serde_json::Value> = serde_json::from_str(&page.list).unwrap();
    rows.iter().map(|row| row["id"].as_i64().unwrap()).collect()
}

/// The ids of the rows, by the obvious query.
async fn expected(kit: &Kit, me: i64, condition: &str, order: &str) -> Vec<i64> {
    let sql = format!(
        "SELECT t.id FROM images t WHERE (t.public = 1 OR t.user_id = ?1 OR ?1 = 4) AND ({condition}) ORDER BY {order}"
    );
    let rows = kit.runtime().sql.run(vec![Stmt::new(sql, [Value::Int(me)])]).await.unwrap();
    rows[0].iter().filter_map(|row| row.int("id")).collect()
}

#[tokio::test]
async fn lists_are_what_the_obvious_query_finds() {
    let kit = filled().await;
    for (filter, condition) in FILTERS {
        for (sort, order) in
            [("createdAt", "t.created_at DESC, t.id DESC"), ("date%2B", "t.created_at, t.id"), ("name", "t.name, t.id")]
        {
            for me in CALLERS {
                let case = format!("{filter} sort={sort} for {me}");
                let expected = expected(&kit, me, condition, order).await;
                let (mut by_page, mut by_cursor, mut cursor) = (Vec::new(), Vec::new(), String::new());
                for number in 1..=expected.len().div_ceil(7).max(1) {
                    let base = format!("{filter}&sort={sort}&size=7");
                    let paged = page(&kit, me, &format!("{base}&page={number}")).await;
                    let is_last = number * 7 >= expected.len();
                    assert_eq!((paged.total, paged.total_capped), (expected.len() as i64, false), "{case}");
                    assert_eq!(paged.next, !is_last, "{case} page {number}");
                    by_page.extend(ids(&paged));
                    let next = page(&kit, me, &format!("{base}{cursor}")).await;
                    assert_eq!((next.total, next.next), (expected.len() as i64, !is_last), "{case} cursor {number}");
                    by_cursor.extend(ids(&next));
                    cursor = format!("&cursor={}", next.next_cursor.unwrap_or_default());
                }
                assert_eq!(by_page, expected, "{case}");
                assert_eq!(by_cursor, expected, "{case} by cursor");
            }
        }
    }
}

#[tokio::test]
async fn counting_stops_where_no_counter_knows() {
    let kit = Kit::without_function();
    kit.user("ann").await;
    kit.sql(
        "INSERT INTO images (name, key, width, height, size, sha256, prompt, num_inference_steps, guidance_scale, \
         scheduler, seed, public, user_id, created_at, updated_at) WITH RECURSIVE n (i) AS \
         (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10050) \
         SELECT 'n', i, 64, 64, 1, '', '', 1, 1, 'DDIM', 1, 1, 1, i, i FROM n",
        [],
    )
    .await;
    let of = |page: Page| (page.total, page.total_capped, page.next);
    assert_eq!(of(page(&kit, 0, "").await), (10_050, false, true), "a counter knows");
    assert_eq!(of(page(&kit, 0, "date=1970%2B").await), (10_000, true, true));
    assert_eq!(of(page(&kit, 0, "date=1970%2B&page=500&size=20").await), (10_000, true, true));
    assert!(ListQuery::parse(&IMAGES, "page=501&size=20", 0).is_err());
}
