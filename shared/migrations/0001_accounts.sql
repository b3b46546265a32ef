CREATE VIEW guard (code, holds) AS SELECT '', 1 WHERE 0;

CREATE TRIGGER guard_check INSTEAD OF INSERT ON guard WHEN NEW.holds IS NOT 1
BEGIN
  SELECT CASE NEW.code
    WHEN 'unauthenticated' THEN RAISE(ABORT, 'guard:unauthenticated')
    WHEN 'forbidden' THEN RAISE(ABORT, 'guard:forbidden')
    WHEN 'not_found' THEN RAISE(ABORT, 'guard:not_found')
    WHEN 'conflict' THEN RAISE(ABORT, 'guard:conflict')
    WHEN 'stale' THEN RAISE(ABORT, 'guard:stale')
    WHEN 'replay' THEN RAISE(ABORT, 'guard:replay')
    WHEN 'too_many' THEN RAISE(ABORT, 'guard:too_many')
    ELSE RAISE(ABORT, 'guard:unknown')
  END;
END;

CREATE TABLE users (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  email TEXT NOT NULL UNIQUE,
  password TEXT NOT NULL,
  admin INTEGER NOT NULL DEFAULT 0 CHECK (admin IN (0, 1)),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
  id TEXT PRIMARY KEY,
  user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  name TEXT NOT NULL DEFAULT '',
  ip TEXT NOT NULL,
  user_agent TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_user ON sessions (user_id, created_at);

CREATE TABLE tickets (
  id TEXT PRIMARY KEY,
  session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE attempts (
  bucket TEXT PRIMARY KEY,
  n INTEGER NOT NULL,
  until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX attempts_until ON attempts (until);

CREATE TABLE idempotency (
  user_id INTEGER NOT NULL,
  route TEXT NOT NULL,
  key TEXT NOT NULL,
  body_hash TEXT NOT NULL,
  status INTEGER NOT NULL,
  response TEXT NOT NULL,
  location TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (user_id, route, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_expires ON idempotency (expires_at);

CREATE TABLE tags (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  user_id INTEGER REFERENCES users (id) ON DELETE SET NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

CREATE INDEX tags_created ON tags (created_at, id);
