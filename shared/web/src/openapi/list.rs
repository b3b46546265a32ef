//! The parameters and pages of lists.

use serde_json::{Value, json};
use store::{FilterRule, Search, Spec};

use crate::dialect::Dialect;

/// The query parameters of a list.
pub(super) fn parameters(spec: &Spec, dialect: Dialect) -> Vec<Value> {
    let query = |name: &str, schema: Value, about: &str| json!({"name": name, "in": "query", "schema": schema, "description": about});
    let size = json!({"type": "integer", "minimum": 1, "maximum": 100, "default": 20});
    let sorts: Vec<&str> = spec.sorts.iter().map(|s| s.name).collect();
    let mut out =
        vec![query("page", json!({"type": "integer", "minimum": 1, "default": 1}), "Number of the page, from 1")];
    if dialect == Dialect::Coded {
        out.push(query("size", size, "Rows of a page"));
    } else {
        out.push(query("page_size", size, "Rows of a page; also pageSize, size"));
        out.push(query("cursor", json!({"type": "string"}), "next_cursor of the page before"));
    }
    out.push(query("sort", json!({"type": "string", "enum": sorts}), "The order; ties are broken by id"));
    for filter in spec.filters {
        let about = match filter.rule {
            FilterRule::Users(_) | FilterRule::Owner => {
                "User ids or `me`, separated by commas (union); repeat for intersection"
            }
            FilterRule::Ids(_) => "Ids, separated by commas (union); repeat for intersection",
            FilterRule::IdsOrNames(_) | FilterRule::Linked(..) => {
                "Ids or names, separated by commas (union); repeat for intersection"
            }
            FilterRule::Flag(_) | FilterRule::Public => "true or false",
            FilterRule::OneOf(..) => "One or several values, separated by commas",
            FilterRule::Date(_) => {
                "`20220214+` from then on, `20220214-` before, `2022~2023` between; YYYY, YYYYMM or YYYYMMDD"
            }
        };
        out.push(query(filter.name, json!({"type": "string"}), about));
    }
    if !matches!(spec.search, Search::None) {
        out.push(query("search", json!({"type": "string", "maxLength": 200}), "Words to look for"));
    }
    out
}

/// The schema of a page.
pub(super) fn page(row: Value, dialect: Dialect) -> Value {
    if dialect == Dialect::Coded {
        return json!({"type": "object", "required": ["records", "total", "size", "current", "pages"], "properties": {
            "records": {"type": "array", "items": row}, "total": {"type": "integer"}, "size": {"type": "integer"},
            "current": {"type": "integer"}, "pages": {"type": "integer"},
        }});
    }
    json!({"type": "object", "required": ["page", "page_size", "total", "next", "list"], "properties": {
        "page": {"type": "integer"}, "page_size": {"type": "integer"}, "total": {"type": "integer"},
        "total_capped": {"const": true, "description": "There are more rows than `total`; absent otherwise"},
        "next": {"type": "boolean"}, "next_cursor": {"type": ["string", "null"]},
        "list": {"type": "array", "items": row},
    }})
}
