CREATE TABLE servers (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  type TEXT NOT NULL CHECK (type IN ('inference', 'training')),
  status TEXT NOT NULL,
  ip TEXT NOT NULL,
  port INTEGER NOT NULL DEFAULT 0,
  username TEXT NOT NULL DEFAULT '',
  gpu TEXT NOT NULL DEFAULT '',
  memory INTEGER NOT NULL DEFAULT 0,
  models TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(models)),
  version TEXT NOT NULL DEFAULT '',
  epoch INTEGER NOT NULL DEFAULT 0,
  last_seen INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE tasks (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  type TEXT NOT NULL CHECK (type IN ('inference', 'training')),
  status TEXT NOT NULL CHECK (status IN ('initial', 'ready', 'waiting', 'running', 'success', 'error')),
  progress INTEGER NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 100),
  data TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(data)),
  error_code TEXT,
  error_message TEXT,
  params TEXT NOT NULL CHECK (json_valid(params)),
  public INTEGER NOT NULL DEFAULT 1 CHECK (public IN (0, 1)),
  user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  server_id INTEGER REFERENCES servers (id) ON DELETE SET NULL,
  attempt INTEGER NOT NULL DEFAULT 0,
  max_attempts INTEGER NOT NULL DEFAULT 3,
  lease TEXT,
  lease_until INTEGER,
  last_seq INTEGER NOT NULL DEFAULT 0,
  seq INTEGER NOT NULL DEFAULT 1,
  not_before INTEGER NOT NULL DEFAULT 0,
  cancel_requested INTEGER NOT NULL DEFAULT 0 CHECK (cancel_requested IN (0, 1)),
  deadline INTEGER,
  nonce TEXT,
  pairs TEXT NOT NULL DEFAULT '',
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  started_at INTEGER,
  finished_at INTEGER,
  CHECK ((status = 'running') = (lease IS NOT NULL)),
  CHECK ((status IN ('success', 'error')) = (finished_at IS NOT NULL))
) STRICT;

CREATE INDEX tasks_user ON tasks (user_id, created_at, id);

CREATE INDEX tasks_created ON tasks (created_at, id);

CREATE INDEX tasks_leases ON tasks (lease_until) WHERE status = 'running';

CREATE INDEX tasks_waiting ON tasks (type, not_before) WHERE status = 'waiting';

CREATE TRIGGER tasks_terminal BEFORE UPDATE OF status, progress, data, error_code, error_message, attempt, lease, finished_at ON tasks
WHEN OLD.status IN ('success', 'error')
BEGIN
  SELECT RAISE(ABORT, 'guard:conflict');
END;

CREATE INDEX tasks_nonce ON tasks (nonce) WHERE nonce IS NOT NULL;

CREATE TABLE task_objects (
  key TEXT PRIMARY KEY,
  task_id INTEGER NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX task_objects_task ON task_objects (task_id);

CREATE TABLE outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL CHECK (kind IN ('queue', 'delete_blob')),
  target TEXT NOT NULL,
  payload TEXT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  not_before INTEGER NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX outbox_due ON outbox (not_before);

CREATE TABLE queue_messages (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  queue TEXT NOT NULL,
  body TEXT NOT NULL,
  content_type TEXT NOT NULL DEFAULT 'text',
  attempts INTEGER NOT NULL DEFAULT 0,
  visible_at INTEGER NOT NULL,
  lease_id TEXT UNIQUE,
  created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX queue_messages_visible ON queue_messages (queue, visible_at, position);

CREATE TABLE images (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  key TEXT NOT NULL UNIQUE,
  width INTEGER NOT NULL,
  height INTEGER NOT NULL,
  size INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  prompt TEXT NOT NULL,
  negative_prompt TEXT NOT NULL DEFAULT '',
  num_inference_steps INTEGER NOT NULL,
  guidance_scale REAL NOT NULL,
  scheduler TEXT NOT NULL,
  seed INTEGER NOT NULL,
  from_image TEXT,
  strength REAL,
  public INTEGER NOT NULL DEFAULT 1 CHECK (public IN (0, 1)),
  user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  task_id INTEGER REFERENCES tasks (id) ON DELETE SET NULL,
  task_index INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  UNIQUE (task_id, task_index)
) STRICT;

CREATE INDEX images_created ON images (created_at, id);

CREATE INDEX images_user ON images (user_id, created_at, id);

CREATE TABLE image_tags (
  image_id INTEGER NOT NULL REFERENCES images (id) ON DELETE CASCADE,
  tag_id INTEGER NOT NULL REFERENCES tags (id) ON DELETE CASCADE,
  PRIMARY KEY (image_id, tag_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX image_tags_tag ON image_tags (tag_id, image_id);

CREATE VIRTUAL TABLE images_search USING fts5 (pairs, content = '', contentless_delete = 1, tokenize = 'unicode61');

CREATE TRIGGER images_search_delete AFTER DELETE ON images
BEGIN
  DELETE FROM images_search WHERE rowid = OLD.id;
END;

CREATE TABLE uploads (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  key TEXT NOT NULL UNIQUE,
  content_type TEXT NOT NULL,
  size INTEGER NOT NULL DEFAULT 0,
  width INTEGER,
  height INTEGER,
  multipart TEXT,
  user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

CREATE INDEX uploads_user ON uploads (user_id, created_at, id);
