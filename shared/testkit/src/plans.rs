//! How SQLite reads the lists of a function: every order, and every filter under every order, for each audience. A list
//! may walk an index in its order, or search one; it may not read a table that grows from end to end, nor sort one.

use domain::{Lang, Millis};
use ports::Stmt;
use store::{ApiVersion, ListQuery, Scope, Spec};
use web::Replies;

use crate::kit::Kit;

/// A value that each filter takes, by its name in OpenAPI's words.
fn value(filter: &store::Filter) -> String {
    use store::FilterRule;
    match &filter.rule {
        FilterRule::Owner | FilterRule::Users(_) | FilterRule::Ids(_) => "7".into(),
        FilterRule::IdsOrNames(_) | FilterRule::Linked(..) => "cat".into(),
        FilterRule::Flag(_) | FilterRule::Public => "true".into(),
        FilterRule::OneOf(_, choices) => choices.first().map_or_else(String::new, |(name, _)| (*name).to_string()),
        FilterRule::Date(_) => "2022~2023".into(),
    }
}

/// Panics with the plans that read more than they show. `known` are those that may: names of resources, beginnings of
/// `sort=…&filter=…`, or lines of a plan, each with a reason beside it where it is passed. The filtered lists of
/// administrators may also count by reading the table.
pub async fn check(app: &web::App, known: &[&str]) {
    let kit = Kit::without_function();
    let mut bad = Vec::new();
    for operation in &app.operations {
        let Replies::Page(spec) = operation.replies else { continue };
        if spec.few || known.contains(&spec.name) {
            continue;
        }
        for sort in spec.sorts {
            let filters = spec.filters.iter().map(|filter| format!("&{}={}", filter.name, value(filter)));
            for filter in std::iter::once(String::new()).chain(filters) {
                for me in [0, 7] {
                    let query = format!("sort={}{filter}", sort.name.replace('+', "%2B"));
                    if known.iter().any(|known| query.starts_with(known)) {
                        continue;
                    }
                    for line in costly(&kit, spec, &query, me, known).await {
                        bad.push(format!("{} {query} for {me}: {line}", spec.name));
                    }
                }
            }
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

/// The lines of the plan that read more than the page.
async fn costly(kit: &Kit, spec: &'static Spec, query: &str, me: i64, known: &[&str]) -> Vec<String> {
    let scope = Scope { me, now: Millis(0), version: ApiVersion::V1, lang: Lang::En };
    let query = ListQuery::parse(spec, query, me).unwrap_or_else(|error| panic!("{query}: {error}"));
    let Stmt { sql, args } = store::list::page_query(spec, &query, scope).bind(scope);
    let plan = Stmt::new(format!("EXPLAIN QUERY PLAN {sql}"), args);
    let rows = kit.runtime().sql.run(vec![plan]).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let lines: Vec<(i64, String)> = rows[0]
        .iter()
        .map(|row| (row.int("parent").unwrap_or(0), row.text("detail").unwrap_or_default().to_string()))
        .collect();
    // Queries inside of the query are looked at by their own lines.
    let inner = |name: &str| {
        ["CO-ROUTINE", "MATERIALIZE"].iter().any(|how| lines.iter().any(|(_, line)| *line == format!("{how} {name}")))
    };
    let is_bounded = |line: &str| {
        let name = line.split(' ').nth(1).unwrap_or_default();
        name.starts_with("(subquery") || name == "CONSTANT" || line.contains("VIRTUAL TABLE") || inner(name)
    };
    let reads_table = |line: &str| (line.starts_with("SCAN ") && !is_bounded(line)) || line.starts_with("SEARCH t ");
    let mut costly = Vec::new();
    for (parent, line) in &lines {
        let for_admins = lines.iter().any(|(other, line)| other == parent && line.starts_with("SEARCH a "));
        let scans = line.starts_with("SCAN ") && !is_bounded(line) && !line.contains(" USING ") && !for_admins;
        let sorts = line.starts_with("USE TEMP B-TREE FOR ORDER BY")
            && lines.iter().any(|(other, line)| other == parent && reads_table(line) && !line.contains("(rowid=?)"));
        if scans || sorts {
            let around: Vec<_> = lines.iter().filter(|(other, _)| other == parent).map(|(_, l)| l.as_str()).collect();
            let around = around.join(" / ");
            if !known.contains(&around.as_str()) {
                costly.push(around);
            }
        }
    }
    costly.dedup();
    costly
}
