//! Reads the list grammar of a query string (API.md §1) against a `Spec`: comma is union inside one filter, the same
//! key twice is intersection, different keys are intersection, unknown keys are ignored.

use domain::date::DateRange;
use domain::messages::{INVALID_CURSOR, INVALID_PARAMETER, UNAUTHENTICATED, UNKNOWN_SORT};
use domain::{Error, error::Arg, id};
use ports::Value;
use serde_json::json;

use crate::cursor;
use crate::spec::{FilterRule, Search, Sort, Spec};

/// The most items one filter value may list.
const MAX_UNION: usize = 100;

/// A list request, checked, as conditions over the resource's SQL.
pub struct ListQuery {
    pub page: i64,
    pub page_size: i64,
    pub sort: &'static Sort,
    /// Conditions with `{}` where the argument's number goes (several times if need be), and the argument.
    pub conditions: Vec<(String, Value)>,
    /// The sort value and key of the last row of the page before.
    pub after: Option<(Value, Value)>,
}

fn invalid(name: &str, en: &str, hant: &str, hans: &str) -> Error {
    let phrase = Arg::Phrase { en: en.into(), hant: hant.into(), hans: hans.into() };
    INVALID_PARAMETER.on(name.to_string()).arg(name).phrase(phrase)
}

impl ListQuery {
    /// `query` without its `?`; `me` is the caller's user id, 0 when anonymous.
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
                    let filter = spec.filters.iter().find(|f| f.name == name || f.also.contains(&name));
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
    id::parse(value).filter(|n| *n <= max).ok_or_else(|| {
        let (en, zh) = (format!("a whole number from 1 to {max}"), format!(" 1 到 {max} "));
        invalid(name, &en, &format!("{zh}的整數"), &format!("{zh}的整数"))
    })
}

fn sort(spec: &'static Spec, value: &str) -> Result<&'static Sort, Error> {
    // `date+` arrives as `date `.
    let value = value.replace(' ', "+");
    let known = spec.sorts.iter().find(|s| s.name == value || s.also.contains(&value.as_str()));
    known.ok_or_else(|| UNKNOWN_SORT.on("sort").arg(value.chars().take(40).collect::<String>()))
}

fn search(spec: &Spec, value: &str) -> Result<Option<(String, Value)>, Error> {
    let text = value.trim();
    if text.is_empty() {
        return Ok(None);
    }
    if text.chars().count() > 200 {
        return Err(invalid(
            "search",
            "text of at most 200 characters",
            "最多 200 個字元的文字",
            "最多 200 个字符的文字",
        ));
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
        return Err(invalid(name, "at most 100 values", "最多 100 個值", "最多 100 个值"));
    }
    let bad_ids = || invalid(name, "ids, separated by commas", "以逗號分隔的編號", "以逗号分隔的编号");
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
                return Err(invalid(
                    name,
                    "ids or names, separated by commas",
                    "以逗號分隔的編號或名稱",
                    "以逗号分隔的编号或名称",
                ));
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
                    _ => return Err(invalid(name, "true or false", " true 或 false", " true 或 false")),
                });
            }
            (format!("{column} IN ({SET})"), json!(flags).to_string().into())
        }
        FilterRule::OneOf(column, choices) => {
            let mut set = Vec::new();
            for item in items {
                let known = choices.iter().find(|(choice, also)| *choice == item || also.contains(&item));
                let names: Vec<&str> = choices.iter().map(|(choice, _)| *choice).collect();
                let names = names.join(", ");
                let zh = format!("下列之一：{names}");
                set.push(known.ok_or_else(|| invalid(name, &format!("one of {names}"), &zh, &zh))?.0);
            }
            (format!("{column} IN ({SET})"), json!(set).to_string().into())
        }
        FilterRule::Date(column) => {
            let mut ranges = Vec::new();
            for item in value.split(',') {
                let range = DateRange::parse(item).ok_or_else(|| {
                    invalid(
                        name,
                        "a date such as 20220214+, 20220214- or 2022~2023",
                        "日期，例如 20220214+、20220214- 或 2022~2023",
                        "日期，例如 20220214+、20220214- 或 2022~2023",
                    )
                })?;
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
