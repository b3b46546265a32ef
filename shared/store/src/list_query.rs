//! Reads the list grammar of a query string (docs/API.md §1) against a `Spec`: comma is union inside one filter, the
//! same key twice is intersection, different keys are intersection, unknown keys are ignored.

use domain::date_range::DateRange;
use domain::messages::{INVALID_CURSOR, UNAUTHENTICATED, UNKNOWN_SORT};
use domain::{Error, id, phrases};
use ports::Value;
use serde_json::{Value as Json, json};

use crate::cursor;
use crate::spec::{FilterRule, Link, Search, Sort, Spec};
use crate::visible::Narrowed;

/// The most items of one filter value.
const MAX_UNION: usize = 100;

/// The last row that a numbered page may show.
pub const MAX_REACH: i64 = 10_000;

/// A list request, checked, as conditions over the resource's SQL.
pub struct ListQuery {
    /// From 1.
    pub page: i64,
    /// From 1 to 100.
    pub page_size: i64,
    /// The order.
    pub sort: &'static Sort,
    /// What the rows are narrowed to by owner and by `public`.
    pub narrowed: Narrowed,
    /// The one value of the resource's link that is asked for; also in `conditions`.
    pub linked: Option<Linked>,
    /// All other filters.
    pub conditions: Vec<Condition>,
    /// The sort value and key of the last row of the page before.
    pub after: Option<(Value, Value)>,
}

/// A filter as a condition over the row.
pub struct Condition {
    /// With `{}` in each place of the value, `{until}` in each of the second. `{walk}` is before a column of times,
    /// which must not be searched where the list walks another order.
    pub sql: String,
    /// What is bound.
    pub value: Value,
    /// The end of a range.
    pub until: Option<Value>,
}

/// One value of a link.
pub struct Linked {
    /// The link.
    pub link: &'static Link,
    /// An id, or a name.
    pub value: Value,
}

impl ListQuery {
    /// Reads a query string without its `?`; `me` is the caller's user id, 0 when anonymous.
    ///
    /// # Errors
    ///
    /// `invalid_parameter`, `unknown_sort` or `invalid_cursor`, each naming its parameter.
    pub fn parse(spec: &'static Spec, query: &str, me: i64) -> Result<ListQuery, Error> {
        let default = spec.sorts.first().ok_or_else(|| UNKNOWN_SORT.on("sort"))?;
        let mut list = ListQuery {
            page: 1,
            page_size: 20,
            sort: default,
            narrowed: Narrowed::default(),
            linked: None,
            conditions: Vec::new(),
            after: None,
        };
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
                        list.filter(name, &filter.rule, &value, me)?;
                    }
                }
            }
        }
        if let Some(cursor) = cursor {
            list.after = Some(cursor::decode(list.sort.name, &cursor).ok_or_else(|| INVALID_CURSOR.on("cursor"))?);
        } else if list.page * list.page_size > MAX_REACH {
            return Err(Error::invalid("cursor", phrases::CURSOR_BEYOND.with([MAX_REACH])));
        }
        Ok(list)
    }

    /// Adds one filter of the query string.
    fn filter(&mut self, name: &str, rule: &FilterRule, value: &str, me: i64) -> Result<(), Error> {
        match rule {
            FilterRule::Owner => {
                narrow(&mut self.narrowed.owners, users(name, value, me)?);
            }
            FilterRule::Public => {
                narrow(&mut self.narrowed.public, flags(name, value)?);
            }
            rule => {
                let condition = condition(name, rule, value, me)?;
                if let (FilterRule::Linked(_, link), false) = (rule, value.contains(',')) {
                    let value = value.trim();
                    let value = id::parse(value).map_or_else(|| Value::Text(value.to_string()), Value::Int);
                    self.linked = Some(Linked { link, value });
                }
                self.conditions.push(condition);
            }
        }
        Ok(())
    }
}

/// Narrows a set to what is in another one too.
fn narrow(set: &mut Option<Vec<i64>>, to: Vec<i64>) {
    let mut both = Vec::new();
    for value in to {
        if !both.contains(&value) && set.as_ref().is_none_or(|known| known.contains(&value)) {
            both.push(value);
        }
    }
    *set = Some(both);
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

fn search(spec: &Spec, value: &str) -> Result<Option<Condition>, Error> {
    let text = value.trim();
    if text.is_empty() {
        return Ok(None);
    }
    if text.chars().count() > 200 {
        return Err(Error::invalid("search", phrases::SHORT_TEXT.with([200_i64])));
    }
    let (sql, value) = match spec.search {
        Search::None => return Ok(None),
        Search::Contains(sql) => (format!("instr(lower({sql}), lower({{}})) > 0"), Value::Text(text.to_string())),
        Search::Pairs(sql) => match domain::search::query(text) {
            Some(expression) => (sql.replace("{match}", "{}"), Value::Text(expression)),
            // Nothing but punctuation: found nowhere.
            None => ("{} IS NULL".to_string(), Value::Int(0)),
        },
    };
    Ok(Some(Condition { sql, value, until: None }))
}

/// The items of a filter's value.
fn items<'a>(name: &str, value: &'a str) -> Result<Vec<&'a str>, Error> {
    let items: Vec<&str> = value.split(',').map(str::trim).collect();
    if items.len() > MAX_UNION {
        return Err(Error::invalid(name.to_string(), phrases::AT_MOST_VALUES.with([MAX_UNION])));
    }
    Ok(items)
}

fn ids(name: &str, value: &str) -> Result<Vec<i64>, Error> {
    let bad = || Error::invalid(name.to_string(), &phrases::IDS);
    items(name, value)?.into_iter().map(|item| id::parse(item).ok_or_else(bad)).collect()
}

/// Ids of users, or `me`.
fn users(name: &str, value: &str, me: i64) -> Result<Vec<i64>, Error> {
    let bad = || Error::invalid(name.to_string(), &phrases::IDS);
    let user = |item| match item {
        "me" if me == 0 => Err(UNAUTHENTICATED.on(name.to_string())),
        "me" => Ok(me),
        digits => id::parse(digits).ok_or_else(bad),
    };
    items(name, value)?.into_iter().map(user).collect()
}

fn flags(name: &str, value: &str) -> Result<Vec<i64>, Error> {
    let flag = |item| match item {
        "true" | "1" => Ok(1),
        "false" | "0" => Ok(0),
        _ => Err(Error::invalid(name.to_string(), &phrases::TRUE_OR_FALSE)),
    };
    items(name, value)?.into_iter().map(flag).collect()
}

fn condition(name: &str, rule: &FilterRule, value: &str, me: i64) -> Result<Condition, Error> {
    let invalid = |phrase| Error::invalid(name.to_string(), phrase);
    let (sql, value) = match rule {
        FilterRule::Owner => (format!("t.user_id IN ({SET})"), json!(users(name, value, me)?)),
        FilterRule::Public => (format!("t.public IN ({SET})"), json!(flags(name, value)?)),
        FilterRule::Users(sql) => (sql.replace("{ids}", SET), json!(users(name, value, me)?)),
        FilterRule::Ids(sql) => (sql.replace("{ids}", SET), json!(ids(name, value)?)),
        FilterRule::Flag(column) => one_of(column, flags(name, value)?.into_iter().map(Json::from).collect()),
        FilterRule::IdsOrNames(sql) | FilterRule::Linked(sql, _) => {
            let items = items(name, value)?;
            if items.iter().any(|i| i.is_empty() || i.chars().count() > 64) {
                return Err(invalid((&phrases::IDS_OR_NAMES).into()));
            }
            let set: Vec<_> = items.iter().map(|i| id::parse(i).map_or_else(|| json!(i), |id| json!(id))).collect();
            (sql.replace("{ids}", INTEGERS).replace("{names}", TEXTS), json!(set))
        }
        FilterRule::OneOf(column, choices) => {
            let mut set = Vec::new();
            for item in items(name, value)? {
                let known = choices.iter().find(|(choice, aliases)| *choice == item || aliases.contains(&item));
                let names = || choices.iter().map(|(choice, _)| *choice).collect::<Vec<_>>().join(", ");
                set.push(known.ok_or_else(|| invalid(phrases::ONE_OF.with([names()])))?.0.into());
            }
            one_of(column, set)
        }
        FilterRule::Date(column) => return date(name, column, value),
    };
    let value = match value {
        Json::String(text) => Value::Text(text),
        Json::Number(number) => Value::Int(number.as_i64().unwrap_or_default()),
        set => Value::Text(set.to_string()),
    };
    Ok(Condition { sql, value, until: None })
}

/// The column has one of these values. A single one is compared as it is, so that an index of the column is used.
fn one_of(column: &str, mut values: Vec<Json>) -> (String, Json) {
    match (values.len(), values.pop()) {
        (1, Some(value)) => (format!("{column} = {{}}"), value),
        (_, last) => {
            values.extend(last);
            (format!("{column} IN ({SET})"), values.into())
        }
    }
}

/// A single range is compared as it is, so that an index of the column is used.
fn date(name: &str, column: &str, value: &str) -> Result<Condition, Error> {
    let mut ranges = Vec::new();
    items(name, value)?;
    // Not trimmed: a space at the end is a plus sign.
    for item in value.split(',') {
        let range = DateRange::parse(item).ok_or_else(|| Error::invalid(name.to_string(), &phrases::DATE_RANGE))?;
        ranges.push((range.from.map_or(0, |t| t.0), range.until.map_or(domain::MAX_ID, |t| t.0)));
    }
    if let [(from, until)] = ranges.as_slice() {
        let sql = format!("{{walk}}{column} >= {{}} AND {{walk}}{column} < {{until}}");
        return Ok(Condition { sql, value: Value::Int(*from), until: Some(Value::Int(*until)) });
    }
    let within = format!("{column} >= json_extract(r.value, '$[0]') AND {column} < json_extract(r.value, '$[1]')");
    let sql = format!("EXISTS (SELECT 1 FROM json_each({{}}) r WHERE {within})");
    Ok(Condition { sql, value: json!(ranges).to_string().into(), until: None })
}

const SET: &str = "SELECT value FROM json_each({})";
const INTEGERS: &str = "SELECT value FROM json_each({}) WHERE type = 'integer'";
const TEXTS: &str = "SELECT value FROM json_each({}) WHERE type = 'text'";
