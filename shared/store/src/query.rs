//! SQL with named parameters. Engines take `?1`, `?2`, …; people read `:user_id`. Two names are always there: `:me`,
//! the caller's user id (0 when anonymous), and `:now`, the time of the request in milliseconds since 1970.

use std::borrow::Cow;

use domain::{Lang, Millis};
use ports::{Stmt, Value};

use crate::ApiVersion;

/// Named arguments, as `args!` makes them.
pub type Arg = (Cow<'static, str>, Value);

/// Named arguments of a `Query`: `args! { id, name: &patch.name }`. A name without a value is a variable of that name.
#[macro_export]
macro_rules! args {
    ($($name:ident $(: $value:expr)?),* $(,)?) => {
        ::std::vec![$((::std::borrow::Cow::Borrowed(stringify!($name)), $crate::args!(@ $name $($value)?))),*]
    };
    (@ $name:ident) => { $crate::ports::Value::from($name) };
    (@ $name:ident $value:expr) => { $crate::ports::Value::from($value) };
}

/// Who asks, when, and in which version and language the answer is given.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    /// The caller's user id, 0 when anonymous.
    pub me: i64,
    /// The time of the request.
    pub now: Millis,
    /// The style of JSON built by the database.
    pub version: ApiVersion,
    /// The language of texts built by the database.
    pub lang: Lang,
}

/// One statement with named parameters. All SQL in it is written by us; values are only ever bound.
#[derive(Clone, Debug)]
pub struct Query {
    sql: Cow<'static, str>,
    args: Vec<Arg>,
}

impl Query {
    /// A statement with the arguments that it names, other than `:me` and `:now`.
    pub fn new(sql: impl Into<Cow<'static, str>>, args: impl IntoIterator<Item = Arg>) -> Query {
        Query { sql: sql.into(), args: args.into_iter().collect() }
    }

    /// The same arguments under another text, which may contain this one.
    pub fn wrap(self, sql: impl FnOnce(&str) -> String, more: impl IntoIterator<Item = Arg>) -> Query {
        let Query { sql: inner, mut args } = self;
        args.extend(more);
        Query { sql: sql(&inner).into(), args }
    }

    /// The statement as engines take it: each name becomes a number, in the order of first use. A name without an
    /// argument stays as it is, so that the engine refuses the statement.
    pub fn bind(self, scope: Scope) -> Stmt {
        let value = |name: &str| match name {
            "me" => Some(Value::Int(scope.me)),
            "now" => Some(Value::Int(scope.now.0)),
            _ => self.args.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()),
        };
        let (mut names, mut values) = (Vec::new(), Vec::new());
        let sql = replace_names(&self.sql, |out, name| {
            let known = names.iter().position(|n| n == name);
            let number = known.map(|i| i + 1).or_else(|| {
                values.push(value(name)?);
                names.push(name.to_string());
                Some(names.len())
            });
            match number {
                Some(number) => {
                    out.push('?');
                    out.push_str(&number.to_string());
                }
                None => {
                    out.push(':');
                    out.push_str(name);
                }
            }
        });
        Stmt::new(sql, values)
    }
}

/// `sql` with an expression in place of a parameter: `:me` by the owner of a row, say.
pub fn substitute(sql: &str, parameter: &str, expression: &str) -> String {
    replace_names(sql, |out, name| {
        if name == parameter {
            out.push_str(expression);
        } else {
            out.push(':');
            out.push_str(name);
        }
    })
}

/// A text as an SQL string literal.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Calls `replace` for each `:name` outside of string literals, and copies the rest.
fn replace_names(sql: &str, mut replace: impl FnMut(&mut String, &str)) -> String {
    let mut out = String::with_capacity(sql.len() + 16);
    for (i, section) in sql.split('\'').enumerate() {
        if i > 0 {
            out.push('\'');
        }
        let mut rest = section;
        // Every second section is inside a literal.
        while let Some((before, after)) = rest.split_once(':').filter(|_| i % 2 == 0) {
            out.push_str(before);
            let length = after.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
            let (name, tail) = after.split_at_checked(length).unwrap_or((after, ""));
            replace(&mut out, name);
            rest = tail;
        }
        out.push_str(rest);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCOPE: Scope = Scope { me: 7, now: Millis(9), version: ApiVersion::V1, lang: Lang::En };

    fn bound(query: Query) -> (String, Vec<Value>) {
        let stmt = query.bind(SCOPE);
        (stmt.sql.into_owned(), stmt.args)
    }

    #[test]
    fn names_become_numbers_in_the_order_of_first_use() {
        let id = 3_i64;
        let query =
            Query::new("UPDATE t SET name = :name, at = :now WHERE id = :id AND :name <> ''", args! { id, name: "a" });
        let (sql, args) = bound(query);
        assert_eq!(sql, "UPDATE t SET name = ?1, at = ?2 WHERE id = ?3 AND ?1 <> ''");
        assert_eq!(args, [Value::Text("a".into()), Value::Int(9), Value::Int(3)]);
    }

    #[test]
    fn literals_are_left_alone() {
        let (sql, args) = bound(Query::new("SELECT strftime('%H:%M', :now), 'it''s :me', '$.a:b', :me", []));
        assert_eq!(sql, "SELECT strftime('%H:%M', ?1), 'it''s :me', '$.a:b', ?2");
        assert_eq!(args, [Value::Int(9), Value::Int(7)]);
        assert_eq!(literal("it's"), "'it''s'");
    }

    #[test]
    fn a_name_ends_where_its_letters_end() {
        let (sql, args) = bound(Query::new("SELECT :menu, :me", args! { menu: 1_i64 }));
        assert_eq!((sql.as_str(), args.len()), ("SELECT ?1, ?2", 2));
        assert_eq!(substitute("(:me, :menu, ':me')", "me", "t.id"), "(t.id, :menu, ':me')");
    }

    #[test]
    fn unknown_names_are_left_for_the_engine_to_refuse() {
        let (sql, args) = bound(Query::new("SELECT :nobody, :me", args! { somebody: 1_i64 }));
        assert_eq!((sql.as_str(), args.len()), ("SELECT :nobody, ?1", 1));
    }

    #[test]
    fn a_wrapped_query_keeps_its_arguments() {
        let inner = Query::new("SELECT :id AS item", args! { id: 1_i64 });
        let (sql, args) =
            bound(inner.wrap(|sql| format!("INSERT INTO k SELECT :key, item FROM ({sql})"), args! { key: "k" }));
        assert_eq!(sql, "INSERT INTO k SELECT ?1, item FROM (SELECT ?2 AS item)");
        assert_eq!(args, [Value::Text("k".into()), Value::Int(1)]);
    }
}
