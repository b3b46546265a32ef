-- Models people bring. What `status` is not `success` has no file that can be used yet; `key` is where it is stored, in
-- safetensors, and never changes. The datasets and trainings some columns are about have no tables yet.
CREATE TABLE models (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  type TEXT NOT NULL CHECK (type IN ('lora', 'ckp', 'hyper', 'ti')),
  trigger_words TEXT NOT NULL DEFAULT '',
  base_model TEXT NOT NULL,
  key TEXT UNIQUE,
  size INTEGER NOT NULL DEFAULT 0,
  sha256 TEXT,
  status TEXT NOT NULL CHECK (status IN ('initial', 'ready', 'waiting', 'running', 'success', 'error')),
  progress INTEGER NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 100),
  image TEXT,
  epochs INTEGER,
  steps INTEGER,
  public INTEGER NOT NULL DEFAULT 0 CHECK (public IN (0, 1)),
  downloads INTEGER NOT NULL DEFAULT 0,
  user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  dataset_id INTEGER,
  server_id INTEGER REFERENCES servers (id) ON DELETE SET NULL,
  task_id INTEGER REFERENCES tasks (id) ON DELETE SET NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CHECK (status <> 'success' OR key IS NOT NULL)
) STRICT;

CREATE INDEX models_created ON models (created_at, id);

CREATE INDEX models_user ON models (user_id, created_at, id);

-- So that the servers and tasks these name can be deleted without reading every model.
CREATE INDEX models_server ON models (server_id) WHERE server_id IS NOT NULL;

CREATE INDEX models_task ON models (task_id) WHERE task_id IS NOT NULL;

-- Its file goes with it, however it goes.
CREATE TRIGGER models_delete AFTER DELETE ON models WHEN OLD.key IS NOT NULL
BEGIN
  INSERT INTO outbox (kind, target, payload, not_before, created_at)
  VALUES ('delete_blob', OLD.key, '', OLD.updated_at, OLD.updated_at);
END;
