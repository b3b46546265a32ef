//! Compiles a checked list request into one statement: the page as one JSON string, and the number of rows. One string
//! crosses into WASM instead of rows of values, which is some forty times cheaper there.
//!
//! The rows a caller sees are read in branches (`Visible::branches`), each along an index in the order of the list and
//! no further than the page needs, then merged. So the cost depends on the page, not on the table. Rows are counted by
//! `row_counts` where it knows them, else one by one up to `MAX_TOTAL` and one more.

use std::borrow::Cow;

use crate::args;
use crate::list::MAX_TOTAL;
use crate::list_query::{Linked, ListQuery};
use crate::query::{Arg, Query, Scope};
use crate::spec::Spec;
use crate::visible::{Branch, Owners};

/// Goes before the tables of a branch that is read for administrators alone. Of one row or none, so it is the outer
/// loop, and without a row nothing else is read.
const FOR_ADMINISTRATORS: &str = "users a CROSS JOIN ";
const IS_ADMINISTRATOR: &str = "a.id = :me AND a.admin = 1";

/// The statement of a page: `list` and `n`, its rows and one more if there is one; `at`, where the next page begins;
/// `total` and whether it was `counted`.
pub fn compile(spec: &Spec, query: &ListQuery, scope: Scope) -> Query {
    let mut plan = Plan::new(spec, query, scope.me);
    let total = plan.total();
    let page = plan.page(scope);
    let size = "CAST(:size AS INTEGER)";
    let counted = i64::from(plan.is_counted());
    let sql = format!(
        "SELECT iif(n > {size}, json_remove(list, '$[#-1]'), list) AS list, json_extract(at, '$[#-2]') AS at, n, \
         {total} AS total, {counted} AS counted FROM (SELECT '[' || coalesce(group_concat(o, ','), '') || ']' AS list, \
         '[' || coalesce(group_concat(p, ','), '') || ']' AS at, count(*) AS n FROM ({page}))"
    );
    Query::new(sql, plan.args)
}

struct Plan<'a> {
    spec: &'a Spec,
    query: &'a ListQuery,
    branches: Vec<Branch>,
    /// The table that the list is read from, where it is not the resource's own.
    link: Option<&'a Linked>,
    /// Conditions of every branch beside those on owner and `public`.
    terms: Vec<String>,
    args: Vec<Arg>,
}

impl<'a> Plan<'a> {
    fn new(spec: &'a Spec, query: &'a ListQuery, me: i64) -> Plan<'a> {
        let is_empty = query.narrowed.owners.as_ref().is_some_and(|owners| owners.is_empty())
            || query.narrowed.public.as_ref().is_some_and(|public| public.is_empty());
        let branches = if is_empty { Vec::new() } else { spec.visible.branches(&query.narrowed, me) };
        let link = query.linked.as_ref().filter(|_| query.conditions.len() == 1 && query.sort.sql == "t.created_at");
        let mut plan = Plan { spec, query, branches, link, terms: Vec::new(), args: Vec::new() };
        if spec.only != "TRUE" {
            plan.terms.push(spec.only.to_string());
        }
        match link {
            Some(Linked { link, value }) => {
                let id = match value {
                    ports::Value::Text(_) => format!("(SELECT id FROM {} WHERE name = :linked)", link.values),
                    _ => ":linked".to_string(),
                };
                plan.terms.push(format!("t.{} = {id}", link.value));
                plan.args.extend(args! { linked: value.clone() });
            }
            None => plan.filter(),
        }
        if let Some(owners) = &query.narrowed.owners {
            let value = match owners.as_slice() {
                [owner] => ports::Value::Int(*owner),
                owners => serde_json::json!(owners).to_string().into(),
            };
            plan.args.extend(args! { owners: value });
        }
        plan
    }

    /// Adds the conditions of the filters.
    fn filter(&mut self) {
        // A unary plus keeps SQLite from an index of the column: it would sort what that finds.
        let walk = if self.query.sort.sql == "t.created_at" { "" } else { "+" };
        for (i, condition) in self.query.conditions.iter().enumerate() {
            let (value, until) = (format!(":filter_{i}"), format!(":until_{i}"));
            let sql = condition.sql.replace("{walk}", walk).replace("{until}", &until).replace("{}", &value);
            self.terms.push(format!("({sql})"));
            self.args.push((Cow::Owned(format!("filter_{i}")), condition.value.clone()));
            self.args.extend(condition.until.iter().map(|value| (Cow::Owned(format!("until_{i}")), value.clone())));
        }
    }

    /// The rows of the page and one more, as `o` and `p`.
    fn page(&mut self, scope: Scope) -> String {
        let (key, by) = (self.spec.key, self.query.sort.sql);
        let mut after = None;
        self.args.extend(args! { size: self.query.page_size });
        match &self.query.after {
            Some((value, last)) => {
                self.args.extend(args! { skipped: 0_i64, after_value: value, after_key: last });
                let beyond = if self.query.sort.descending { "<" } else { ">" };
                after = Some(format!("({}, {}) {beyond} (:after_value, :after_key)", self.by(), self.key()));
            }
            None => self.args.extend(args! { skipped: (self.query.page - 1) * self.query.page_size }),
        }
        let limit = "LIMIT CAST(:size AS INTEGER) + 1 OFFSET :skipped";
        let object = self.spec.object(scope);
        let from = self.spec.from;
        if let ([branch], None) = (self.branches.as_slice(), self.link) {
            let (tables, terms) = (self.tables(*branch), self.terms(*branch, after.as_deref()));
            let order = self.order(by, key);
            return format!(
                "SELECT {object} AS o, json_array({by}, {key}) AS p FROM {tables}{terms} ORDER BY {order} {limit}"
            );
        }
        // The branches are merged by their keys; only the rows of the page are rendered.
        let reach = "LIMIT CAST(:size AS INTEGER) + 1 + CAST(:skipped AS INTEGER)";
        let branch = |branch: &Branch| {
            let (by, key) = (self.by(), self.key());
            let (tables, terms) = (self.tables(*branch), self.terms(*branch, after.as_deref()));
            let order = self.order(by, &key);
            format!("SELECT * FROM (SELECT {key} AS k, {by} AS b FROM {tables}{terms} ORDER BY {order} {reach})")
        };
        let branches: Vec<String> = self.branches.iter().map(branch).collect();
        if branches.is_empty() {
            return "SELECT NULL AS o, NULL AS p WHERE FALSE AND :size + :skipped".into();
        }
        format!(
            "SELECT {object} AS o, json_array(page.b, page.k) AS p \
             FROM (SELECT k, b FROM ({}) ORDER BY {} {limit}) page CROSS JOIN {from} WHERE {key} = page.k ORDER BY {}",
            branches.join(" UNION ALL "),
            self.order("b", "k"),
            self.order("page.b", "page.k"),
        )
    }

    /// The number of rows, as an SQL expression.
    fn total(&self) -> String {
        if self.is_counted() {
            let counts: Vec<String> = self.branches.iter().map(|branch| self.count(*branch)).collect();
            return if counts.is_empty() { "0".into() } else { counts.join(" + ") };
        }
        let rows = |branch: &Branch| format!("SELECT 1 FROM {}{}", self.tables(*branch), self.terms(*branch, None));
        let rows: Vec<String> = self.branches.iter().map(rows).collect();
        if rows.is_empty() {
            return "0".into();
        }
        format!("(SELECT count(*) FROM ({} LIMIT {}))", rows.join(" UNION ALL "), MAX_TOTAL + 1)
    }

    /// True where counters know the number of rows.
    fn is_counted(&self) -> bool {
        let one_owner = self.query.narrowed.owners.as_ref().is_none_or(|owners| owners.len() == 1);
        let unfiltered = self.spec.counted && self.query.conditions.is_empty();
        one_owner && (self.link.is_some() || unfiltered)
    }

    /// The number of rows of a branch by the counters.
    fn count(&self, branch: Branch) -> String {
        let (table, of) = match self.link {
            Some(Linked { link, .. }) => (link.counts, self.terms.join(" AND ")),
            None => ("row_counts", format!("t.resource = '{}'", self.spec.name)),
        };
        let public = branch.public.map_or(String::new(), |public| format!(" AND t.public = {}", u8::from(public)));
        let rows_of = |user: &str| {
            format!("(SELECT coalesce(sum(t.n), 0) FROM {table} t WHERE {of} AND t.user_id = {user}{public})")
        };
        let narrowed = if self.query.narrowed.owners.is_some() { ":owners" } else { "0" };
        let count = match branch.owners {
            Owners::Me => rows_of(":me"),
            Owners::Narrowed => rows_of(narrowed),
            Owners::Others if narrowed == "0" => format!("{} - {}", rows_of("0"), rows_of(":me")),
            Owners::Others => rows_of(narrowed),
        };
        if branch.admin {
            format!("coalesce((SELECT {count} FROM users a WHERE {IS_ADMINISTRATOR}), 0)")
        } else {
            count
        }
    }

    fn tables(&self, branch: Branch) -> String {
        let tables = self.link.map_or_else(|| self.spec.from.to_string(), |linked| format!("{} t", linked.link.table));
        if branch.admin { format!("{FOR_ADMINISTRATORS}{tables}") } else { tables }
    }

    fn terms(&self, branch: Branch, after: Option<&str>) -> String {
        let mut terms = Vec::new();
        if branch.admin {
            terms.push(IS_ADMINISTRATOR);
        }
        match branch.public {
            Some(true) => terms.push("t.public = 1"),
            Some(false) => terms.push("t.public = 0"),
            None => {}
        }
        if let crate::visible::Visible::Where(condition) = self.spec.visible {
            terms.push(condition);
        }
        let owners = self.query.narrowed.owners.as_ref().map(|owners| owners.len());
        match branch.owners {
            Owners::Me => terms.push("t.user_id = :me"),
            Owners::Others if owners != Some(1) => terms.push("t.user_id <> :me"),
            Owners::Others | Owners::Narrowed => {}
        }
        match owners {
            _ if branch.owners == Owners::Me => {}
            Some(1) => terms.push("t.user_id = :owners"),
            Some(_) => terms.push("t.user_id IN (SELECT value FROM json_each(:owners))"),
            None => {}
        }
        terms.extend(self.terms.iter().map(String::as_str));
        terms.extend(after);
        if terms.is_empty() { String::new() } else { format!(" WHERE {}", terms.join(" AND ")) }
    }

    /// The value that orders the rows of a branch.
    fn by(&self) -> &'static str {
        if self.link.is_some() { "t.created_at" } else { self.query.sort.sql }
    }

    /// The id of a row of a branch.
    fn key(&self) -> String {
        self.link.map_or_else(|| self.spec.key.to_string(), |linked| format!("t.{}", linked.link.row))
    }

    fn order(&self, by: &str, key: &str) -> String {
        let direction = if self.query.sort.descending { "DESC" } else { "ASC" };
        if by == key { format!("{key} {direction}") } else { format!("{by} {direction}, {key} {direction}") }
    }
}
