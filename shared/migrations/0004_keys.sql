CREATE TABLE keys (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  hash TEXT NOT NULL UNIQUE,
  prefix TEXT NOT NULL,
  name TEXT NOT NULL,
  scopes TEXT NOT NULL CHECK (json_valid(scopes)),
  user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  expires_at INTEGER,
  last_used_at INTEGER,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

CREATE INDEX keys_user ON keys (user_id, created_at, id);

DROP TABLE tickets;

CREATE TABLE tickets (
  id TEXT PRIMARY KEY,
  session_id TEXT REFERENCES sessions (id) ON DELETE CASCADE,
  key_id INTEGER REFERENCES keys (id) ON DELETE CASCADE,
  expires_at INTEGER NOT NULL,
  CHECK ((session_id IS NULL) <> (key_id IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX tickets_session ON tickets (session_id) WHERE session_id IS NOT NULL;

CREATE INDEX tickets_key ON tickets (key_id) WHERE key_id IS NOT NULL;
