//! Images in choices and articles: the filters, what an image shows of its article, and who is told when one changes.

use domain::room::Audience;

use super::*;

async fn choice(kit: &Kit, by: &Account, public: bool, images: &[i64]) -> i64 {
    let rows = kit
        .sql(
            "INSERT INTO choices (name, public, user_id, created_at, updated_at) VALUES ('c', ?1, ?2, 0, 0) RETURNING id",
            [public.into(), by.id.into()],
        )
        .await;
    let id = rows.first().and_then(|row| row.int("id")).unwrap();
    for image in images {
        kit.sql(
            "INSERT INTO choice_images (choice_id, image_id, private_of, created_at) \
             SELECT ?1, id, iif(public = 1, NULL, user_id), 0 FROM images WHERE id = ?2",
            [id.into(), (*image).into()],
        )
        .await;
    }
    id
}

async fn article(kit: &Kit, by: &Account, public: bool, images: &[i64]) -> i64 {
    let rows = kit
        .sql(
            "INSERT INTO articles (title, public, user_id, created_at, updated_at) VALUES ('雪景', ?1, ?2, 0, 0) \
             RETURNING id",
            [public.into(), by.id.into()],
        )
        .await;
    let id = rows.first().and_then(|row| row.int("id")).unwrap();
    for image in images {
        kit.sql("UPDATE images SET article_id = ?1 WHERE id = ?2", [id.into(), (*image).into()]).await;
    }
    id
}

#[tokio::test]
async fn choices_filter_images_as_tags_do() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let [a, b, c] = [
        image(&kit, &ann, "a cat", true).await,
        image(&kit, &ann, "a dog", true).await,
        image(&kit, &ann, "a cow", true).await,
    ];
    let (one, two) = (choice(&kit, &ann, true, &[a, b]).await, choice(&kit, &ann, true, &[b, c]).await);
    for (query, found) in [
        (format!("choice={one}"), vec![b, a]),
        (format!("choice_id={two}"), vec![c, b]),
        (format!("choice={one},{two}"), vec![c, b, a]),
        (format!("choice={one}&choice={two}"), vec![b]),
        (format!("choice={one}&search=dog"), vec![b]),
        (format!("choice={one},999&sort=date%2B"), vec![a, b]),
        ("choice=999".to_string(), vec![]),
    ] {
        assert_eq!(ids(&kit, None, &query).await, found, "{query}");
    }
    kit.batches();
    kit.get(&format!("/api/images?choice={one}&choice={two}&article=1")).send().await;
    assert_eq!(kit.batches(), 1);
}

#[tokio::test]
async fn a_choice_or_article_that_the_caller_does_not_see_matches_nothing() {
    let kit = kit();
    let (ann, bob, root) = (kit.user("ann").await, kit.user("bob").await, kit.admin("root").await);
    let (open, hidden) = (image(&kit, &ann, "a cat", true).await, image(&kit, &ann, "a dog", false).await);
    choice(&kit, &ann, false, &[open, hidden]).await;
    article(&kit, &ann, false, &[open, hidden]).await;
    for query in ["choice=1", "article=1"] {
        for (who, found) in
            [(Some(&ann), vec![hidden, open]), (Some(&root), vec![hidden, open]), (Some(&bob), vec![]), (None, vec![])]
        {
            assert_eq!(ids(&kit, who, query).await, found, "{query}");
        }
    }
    kit.sql("UPDATE choices SET public = 1", []).await;
    kit.sql("UPDATE articles SET public = 1", []).await;
    for query in ["choice=1", "article=1"] {
        assert_eq!(ids(&kit, Some(&bob), query).await, [open], "{query}: of a public one the public images");
    }
}

#[tokio::test]
async fn an_image_shows_its_article_to_those_who_see_that() {
    let kit = kit();
    let (ann, bob) = (kit.user("ann").await, kit.user("bob").await);
    let id = image(&kit, &ann, "a cat", true).await;
    let article = article(&kit, &ann, true, &[id]).await;
    let read = async |by: &Account, version: &str| {
        kit.get(&format!("/api/images/{id}?profile={version}")).by(by).send().await.json()
    };
    assert_eq!(read(&bob, "v1").await["article_id"], article);
    assert_eq!(read(&bob, "v0").await["article"], json!({"id": article, "title": "雪景"}));
    kit.sql("UPDATE articles SET public = 0", []).await;
    assert_eq!(read(&ann, "v1").await["article_id"], article);
    assert_eq!(read(&bob, "v1").await["article_id"], json!(null));
    assert_eq!(read(&bob, "v0").await["article"], json!(null));
    assert!(read(&bob, "v0").await.get("articleId").is_none() && read(&bob, "v1").await.get("article").is_none());
}

#[tokio::test]
async fn watchers_of_what_shows_an_image_are_told_when_it_is_hidden_or_deleted() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let id = image(&kit, &ann, "a cat", true).await;
    choice(&kit, &ann, true, &[id]).await;
    choice(&kit, &ann, false, &[id]).await;
    article(&kit, &ann, true, &[id]).await;
    let mut last = std::collections::BTreeMap::new();
    kit.published().await;
    for (step, count, images) in [("hide", 0, "[]"), ("show", 1, "[1]"), ("rename", -1, ""), ("delete", 0, "[]")] {
        let path = format!("/api/images/{id}");
        kit.batches();
        match step {
            "hide" => kit.patch(&path, json!({"public": false})).by(&ann).send().await,
            "show" => kit.patch(&path, json!({"public": true})).by(&ann).send().await,
            "rename" => kit.patch(&path, json!({"name": "Tom", "tags": ["cat"]})).by(&ann).send().await,
            _ => kit.delete(&path).by(&ann).send().await,
        };
        assert_eq!(kit.batches(), 1, "{step}: one transaction before the reply");
        let told: Vec<_> = kit.published().await.into_iter().filter(|(room, _)| !room.starts_with("images/")).collect();
        if step == "rename" {
            assert!(told.is_empty(), "a new name changes neither counts nor lists: {told:?}");
            continue;
        }
        let rooms: Vec<&str> = told.iter().map(|(room, _)| room.as_str()).collect();
        assert_eq!(rooms, ["choices/1", "choices/2", "articles/1"], "{step}");
        for (room, event) in &told {
            assert!(last.insert(room.clone(), event.seq) < Some(event.seq), "{step}: the order of changes of {room}");
        }
        let public = |at: usize| told[at].1.frame(Audience::Public).map(|frame| frame.text("v1").unwrap());
        assert!(public(0).unwrap().contains(&format!("\"count\":{count},")), "{step}: {:?}", public(0));
        assert!(public(1).is_none(), "a private choice is shown to its owner alone");
        assert!(public(2).unwrap().contains(&format!("\"images\":{images},")), "{step}: {:?}", public(2));
    }
}
