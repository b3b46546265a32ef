//! Reads the list grammar of a query string (docs/API.md §1) against a `Spec`: comma is union inside one filter, the
//! same key twice is intersection, different keys are intersection, unknown keys are ignored.

use domain::date_range::DateRange;
use domain::messages::{INVALID_CURSOR, UNAUTHENTICATED, UNKNOWN_SORT};
use domain::{Error, id, phrases};
use ports::Value;
use serde_json::json;

use crate::cursor;
use crate::spec::{FilterRule, Search, Sort, Spec};

/// The most items of one filter value.
const MAX_UNION: usize = 100;

/// A list request, checked, as conditions over the resource's SQL.
pub struct ListQuery {
    /// From 1.
    pub page: i64,
    /// From 1 to 100.
    pub page_size: i64,
    /// The order.
    pub sort: &'static Sort,
    /// Conditions with `{}` in each place of the argument, and the argument.
    pub conditions: Vec<(String, Value)>,
    /// The sort value and key of the last row of the page before.
    pub after: Option<(Value, Value)>,
}

impl ListQuery {
    /// Reads a query string without its `?`; `me` is the caller's user id, 0 when anonymous.
    ///
    /// # Errors
    ///
    /// `invalid_parameter`, `unknown_sort` or `invalid_cursor`, each naming its parameter.
    pub fn parse(spec: &'static Spec, query: &str, me: i64) -> Result<ListQuery, Error> {
        let default = spec.sorts.first().ok_or_else(|| UNKNOWN_SORT.on("sort"))?;
        let mut list = ListQuery { page: 1, page_size: 20, sort: default, conditions: Vec::new(), after: None };
        let mut cursor = None;
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "page" => list.page = number(&name, &value, i64::from(i32::MAX))?,
                "pageSize" | "page_size" | "size" => list.page_size = number(&name, &value, 100)?,
                "sort" => list.sort = sort(spec, &value)?,
                "cursor" => cursor = Some(value.into_owned()),
                "search" => list.conditions.extend(search(spec, &value)?),
                name => {
                    let filter = spec.filters.iter().find(|f| f.name == name || f.aliases.contains(&name));
                    if let Some(filter) = filter {
                        list.conditions.extend(condition(name, &filter.rule, &value, me)?);
                    }
                }
            }
        }
        if let Some(cursor) = cursor {
            list.after = Some(cursor::decode(list.sort.name, &cursor).ok_or_else(|| INVALID_CURSOR.on("cursor"))?);
        }
        Ok(list)
    }
}

fn number(name: &str, value: &str, max: i64) -> Result<i64, Error> {
    let number = id::parse(value).filter(|n| *n <= max);
    number.ok_or_else(|| Error::invalid(name.to_string(), phrases::WHOLE_NUMBER.with([1, max])))
}

fn sort(spec: &'static Spec, value: &str) -> Result<&'static Sort, Error> {
    // `date+` arrives as `date `.
    let value = value.replace(' ', "+");
    let known = spec.sorts.iter().find(|s| s.name == value || s.aliases.contains(&value.as_str()));
    known.ok_or_else(|| UNKNOWN_SORT.on("sort").arg(value.chars().take(40).collect::<String>()))
}

fn search(spec: &Spec, value: &str) -> Result<Option<(String, Value)>, Error> {
    let text = value.trim();
    if text.is_empty() {
        return Ok(None);
    }
    if text.chars().count() > 200 {
        return Err(Error::invalid("search", phrases::SHORT_TEXT.with([200_i64])));
    }
    Ok(match spec.search {
        Search::None => None,
        Search::Contains(sql) => Some((format!("instr(lower({sql}), lower({{}})) > 0"), Value::Text(text.to_string()))),
        Search::Pairs(sql) => Some(match domain::search::query(text) {
            Some(expression) => (sql.replace("{match}", "{}"), Value::Text(expression)),
            // Nothing but punctuation: found nowhere.
            None => ("{} IS NULL".to_string(), Value::Int(0)),
        }),
    })
}

fn condition(name: &str, rule: &FilterRule, value: &str, me: i64) -> Result<Option<(String, Value)>, Error> {
    let items: Vec<&str> = value.split(',').map(str::trim).collect();
    if items.len() > MAX_UNION {
        return Err(Error::invalid(name.to_string(), phrases::AT_MOST_VALUES.with([MAX_UNION])));
    }
    let invalid = |phrase| Error::invalid(name.to_string(), phrase);
    let bad_ids = || invalid((&phrases::IDS).into());
    Ok(Some(match rule {
        FilterRule::Users(sql) | FilterRule::Ids(sql) => {
            let mut ids = Vec::with_capacity(items.len());
            for item in items {
                ids.push(match (item, rule) {
                    ("me", FilterRule::Users(_)) if me == 0 => return Err(UNAUTHENTICATED.on(name.to_string())),
                    ("me", FilterRule::Users(_)) => me,
                    (digits, _) => id::parse(digits).ok_or_else(bad_ids)?,
                });
            }
            (sql.replace("{ids}", SET), json!(ids).to_string().into())
        }
        FilterRule::IdsOrNames(sql) => {
            if items.iter().any(|i| i.is_empty() || i.chars().count() > 64) {
                return Err(invalid((&phrases::IDS_OR_NAMES).into()));
            }
            let set: Vec<_> = items.iter().map(|i| id::parse(i).map_or_else(|| json!(i), |id| json!(id))).collect();
            let sql = sql.replace("{ids}", INTEGERS).replace("{names}", TEXTS);
            (sql, json!(set).to_string().into())
        }
        FilterRule::Flag(column) => {
            let mut flags = Vec::new();
            for item in items {
                flags.push(match item {
                    "true" | "1" => 1,
                    "false" | "0" => 0,
                    _ => return Err(invalid((&phrases::TRUE_OR_FALSE).into())),
                });
            }
            (format!("{column} IN ({SET})"), json!(flags).to_string().into())
        }
        FilterRule::OneOf(column, choices) => {
            let mut set = Vec::new();
            for item in items {
                let known = choices.iter().find(|(choice, aliases)| *choice == item || aliases.contains(&item));
                let names = || choices.iter().map(|(choice, _)| *choice).collect::<Vec<_>>().join(", ");
                set.push(known.ok_or_else(|| invalid(phrases::ONE_OF.with([names()])))?.0);
            }
            (format!("{column} IN ({SET})"), json!(set).to_string().into())
        }
        FilterRule::Date(column) => {
            let mut ranges = Vec::new();
            for item in value.split(',') {
                let range = DateRange::parse(item).ok_or_else(|| invalid((&phrases::DATE_RANGE).into()))?;
                let (from, until) = (range.from.map_or(0, |t| t.0), range.until.map_or(domain::MAX_ID, |t| t.0));
                ranges.push(json!([from, until]));
            }
            let within =
                format!("{column} >= json_extract(r.value, '$[0]') AND {column} < json_extract(r.value, '$[1]')");
            (format!("EXISTS (SELECT 1 FROM json_each({{}}) r WHERE {within})"), json!(ranges).to_string().into())
        }
    }))
}

const SET: &str = "SELECT value FROM json_each({})";
const INTEGERS: &str = "SELECT value FROM json_each({}) WHERE type = 'integer'";
const TEXTS: &str = "SELECT value FROM json_each({}) WHERE type = 'text'";
