//! The count of a choice: what each viewer sees, kept by triggers.

use super::*;

/// What a viewer would count: 0 for anyone, a user's id, -1 for administrators.
async fn counted(kit: &Kit, choice: i64, viewer: i64) -> i64 {
    let rows = kit
        .sql(
            "SELECT count(*) AS n FROM choice_images x JOIN images i ON i.id = x.image_id \
             WHERE x.choice_id = ?1 AND (i.public = 1 OR i.user_id = ?2 OR ?2 = -1)",
            [choice.into(), viewer.into()],
        )
        .await;
    rows.first().and_then(|row| row.int("n")).unwrap()
}

#[tokio::test]
async fn counts_are_what_each_viewer_would_count_after_any_history() {
    let kit = kit();
    let (ann, bob, root) = (kit.user("ann").await, kit.user("bob").await, kit.admin("root").await);
    let choices = [
        choice(&kit, &ann, json!({"name": "a", "public": true})).await,
        choice(&kit, &bob, json!({"name": "b", "public": true})).await,
    ];
    let (mut images, mut seed) = (Vec::new(), 7_u64);
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) as usize % below
    };
    for step in 0..300 {
        let image = if images.is_empty() { 0 } else { images[random(images.len())] };
        match random(6) {
            0 => images.push(kit.image(if random(2) == 0 { ann.id } else { bob.id }, random(2) == 0).await),
            1 => drop(kit.sql("UPDATE images SET public = 1 - public WHERE id = ?1", [image.into()]).await),
            2 if step % 4 == 0 => drop(kit.sql("DELETE FROM images WHERE id = ?1", [image.into()]).await),
            3 => {
                let path = format!("/api/choices/{}/images/{image}", choices[random(2)]);
                kit.delete(&path).by(&root).send().await;
            }
            _ => {
                let path = format!("/api/choices/{}/images/{image}", choices[random(2)]);
                kit.call("PUT", &path).by(&root).send().await;
            }
        }
        for choice in choices {
            let path = format!("/api/choices/{choice}");
            for (who, viewer) in [(None, 0), (Some(&ann), ann.id), (Some(&bob), bob.id), (Some(&root), -1)] {
                let call = kit.get(&path);
                let reply = if let Some(who) = who { call.by(who) } else { call }.send().await;
                assert_eq!(reply.json()["count"], counted(&kit, choice, viewer).await, "{step}: {viewer} of {choice}");
            }
        }
    }
    assert!(counted(&kit, choices[0], -1).await > counted(&kit, choices[0], 0).await, "the history has private images");
    kit.sql("DELETE FROM users WHERE id = ?1", [ann.id.into()]).await;
    assert_eq!(kit.number("SELECT count(*) FROM choice_counts WHERE choice_id = 1").await, 0);
    let left = kit.get("/api/choices/2").by(&root).send().await.json();
    assert_eq!(left["count"], counted(&kit, choices[1], -1).await);
}

#[tokio::test]
async fn a_list_reads_the_counter_and_not_the_images() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let id = choice(&kit, &ann, json!({"name": "a"})).await;
    let image = kit.image(ann.id, true).await;
    kit.call("PUT", &format!("/api/choices/{id}/images/{image}")).by(&ann).send().await;
    kit.sql("UPDATE choice_counts SET images = 1000000", []).await;
    assert_eq!(kit.get(PATH).by(&ann).send().await.json()["list"][0]["count"], 1_000_000);
}
