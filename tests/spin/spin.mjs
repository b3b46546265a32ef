// Spin's interfaces, as jco calls them: SQLite, key-values and variables. The semantics are those of fermyon:spin 2.0.0.

import { DatabaseSync } from "node:sqlite";

const db = new DatabaseSync(":memory:");

/** A WIT error: jco takes what is thrown with a payload as the `err` of a result. */
const fail = (payload) => Object.assign(new Error(payload.val), { payload });

const toSql = (value) => (value.tag === "null" ? null : value.val);
const toWit = (value) => {
  switch (typeof value) {
    case "bigint": return { tag: "integer", val: value };
    case "number": return { tag: "real", val: value };
    case "string": return { tag: "text", val: value };
    default: return value === null ? { tag: "null" } : { tag: "blob", val: value };
  }
};

class Connection {
  static open() {
    return new Connection();
  }

  execute(sql, parameters) {
    try {
      const statement = db.prepare(sql);
      statement.setReadBigInts(true);
      statement.setReturnArrays(true);
      const columns = statement.columns().map((column) => column.name);
      const rows = statement.all(...parameters.map(toSql));
      return { columns, rows: rows.map((row) => ({ values: row.map(toWit) })) };
    } catch (error) {
      throw fail({ tag: "io", val: error.message });
    }
  }
}

const stored = new Map();

class Store {
  static open() {
    return new Store();
  }
  get(key) {
    return stored.get(key);
  }
  set(key, value) {
    stored.set(key, value);
  }
  delete(key) {
    stored.delete(key);
  }
  exists(key) {
    return stored.has(key);
  }
  getKeys() {
    return [...stored.keys()];
  }
}

/** Statements are separated by an empty line (shared/migrations/README.md). */
export function migrate(text) {
  text.split("\n\n").forEach((statement) => db.exec(statement));
}

export const sqlite = { Connection };
export const keyValue = { Store };
export const variables = {
  get(name) {
    const value = process.env[`SPIN_VARIABLE_${name.toUpperCase()}`];
    if (value === undefined) throw fail({ tag: "undefined", val: name });
    return value;
  },
};
