-- A training is a task that makes a model of a dataset.
ALTER TABLE tasks ADD COLUMN model_id INTEGER;

ALTER TABLE tasks ADD COLUMN dataset_id INTEGER;

CREATE INDEX tasks_model ON tasks (model_id) WHERE model_id IS NOT NULL;

-- The trainings that may still read a dataset.
CREATE INDEX tasks_dataset ON tasks (dataset_id, created_at) WHERE dataset_id IS NOT NULL AND finished_at IS NULL;

CREATE INDEX tasks_lease ON tasks (lease) WHERE lease IS NOT NULL;

-- An object of a task that is stored in parts: the id of its upload, until it is complete.
ALTER TABLE task_objects ADD COLUMN multipart TEXT;

-- The latest state that a training stored. The next attempt goes on from it.
CREATE TABLE training_states (
  task_id INTEGER PRIMARY KEY REFERENCES tasks (id) ON DELETE CASCADE,
  key TEXT NOT NULL,
  size INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  step INTEGER NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

-- The cover of a trained model: a sample that was drawn with it, deleted with it.
ALTER TABLE models ADD COLUMN image_key TEXT;

CREATE TRIGGER models_delete_image AFTER DELETE ON models WHEN OLD.image_key IS NOT NULL
BEGIN
  INSERT INTO outbox (kind, target, payload, not_before, created_at)
  VALUES ('delete_blob', OLD.image_key, '', OLD.updated_at, OLD.updated_at);
END;

-- A model has the status and the progress of its training, except that only its file makes it a success.
CREATE TRIGGER tasks_model_status AFTER UPDATE OF status, progress ON tasks
WHEN NEW.model_id IS NOT NULL AND NEW.status <> 'success'
BEGIN
  UPDATE models SET status = NEW.status, progress = NEW.progress, server_id = coalesce(NEW.server_id, server_id),
    updated_at = max(NEW.updated_at, updated_at + 1)
  WHERE id = NEW.model_id AND status <> 'success';
END;

-- Images that were removed from a dataset stay for the trainings that began before.
CREATE TRIGGER tasks_release_dataset AFTER UPDATE OF finished_at ON tasks
WHEN NEW.dataset_id IS NOT NULL AND NEW.finished_at IS NOT NULL AND OLD.finished_at IS NULL
BEGIN
  DELETE FROM dataset_images WHERE dataset_id = NEW.dataset_id AND removed_at IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM tasks t WHERE t.dataset_id = NEW.dataset_id AND t.finished_at IS NULL
      AND t.created_at < dataset_images.removed_at);
END;

CREATE TRIGGER tasks_delete_dataset AFTER DELETE ON tasks WHEN OLD.dataset_id IS NOT NULL AND OLD.finished_at IS NULL
BEGIN
  DELETE FROM dataset_images WHERE dataset_id = OLD.dataset_id AND removed_at IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM tasks t WHERE t.dataset_id = OLD.dataset_id AND t.finished_at IS NULL
      AND t.created_at < dataset_images.removed_at);
END;

-- The images of a deleted dataset stay for the trainings that have not ended. A trigger of tasks deletes them then.
CREATE TRIGGER datasets_delete AFTER DELETE ON datasets
BEGIN
  UPDATE dataset_images SET removed_at = 1 + (
    SELECT coalesce(max(t.created_at), 0) FROM tasks t WHERE t.dataset_id = OLD.id AND t.finished_at IS NULL)
  WHERE dataset_id = OLD.id AND removed_at IS NULL;
  DELETE FROM dataset_images WHERE dataset_id = OLD.id AND removed_at IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM tasks t WHERE t.dataset_id = OLD.id AND t.finished_at IS NULL
      AND t.created_at < dataset_images.removed_at);
END;

-- The price list gets a type of task. A constraint cannot be changed, so the table is made anew.
CREATE TABLE prices (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  model_name TEXT NOT NULL UNIQUE,
  description TEXT NOT NULL DEFAULT '',
  points_cost INTEGER NOT NULL CHECK (points_cost BETWEEN 0 AND 1000000),
  task_type TEXT NOT NULL CHECK (task_type IN ('text_to_image', 'image_to_image', 'training')),
  aspect_ratio TEXT NOT NULL CHECK (aspect_ratio IN ('auto', '1:1', '2:3', '3:2')),
  size INTEGER NOT NULL DEFAULT 512 CHECK (size BETWEEN 64 AND 1024 AND size % 8 = 0),
  defaults TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(defaults)),
  standard INTEGER NOT NULL DEFAULT 0 CHECK (standard IN (0, 1)),
  enabled INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

INSERT INTO prices SELECT * FROM points_config;

DROP TABLE points_config;

ALTER TABLE prices RENAME TO points_config;

CREATE UNIQUE INDEX points_config_standard ON points_config (task_type) WHERE standard = 1;

INSERT INTO points_config (model_name, description, points_cost, task_type, aspect_ratio, standard, created_at, updated_at) VALUES
  ('training', '模型训练，每 100 张次', 20, 'training', 'auto', 1, CAST(unixepoch('subsec') * 1000 AS INTEGER), CAST(unixepoch('subsec') * 1000 AS INTEGER));

-- The event of a training names the model instead of images.
DROP TRIGGER announce;

CREATE TRIGGER announce INSTEAD OF INSERT ON announcements
BEGIN
  INSERT INTO events (event_id, type, ended, user_id, task_id, webhook_id, body, created_at)
  SELECT 'evt_' || lower(hex(randomblob(16))), NEW.type, NEW.type NOT IN ('task.created', 'task.started'),
    t.user_id, t.id, t.webhook_id,
    json_object(
      'type', NEW.type,
      'timestamp', strftime('%Y-%m-%dT%H:%M:%fZ', NEW.at / 1000.0, 'unixepoch'),
      'data', json_object(
        'id', t.id,
        'name', t.name,
        'type', t.type,
        'status', t.status,
        'progress', t.progress,
        'data', json(CASE
          WHEN t.status <> 'success' THEN '{}'
          WHEN t.type = 'training' THEN json_patch('{}', json_object(
            'model_id', t.model_id,
            'image_url', t.origin || json_extract(t.data, '$.image_url')))
          ELSE json_object('images', json((
            SELECT json_group_array(json_object(
              'id', json_extract(i.value, '$.id'),
              'url', t.origin || json_extract(i.value, '$.url'),
              'width', json_extract(i.value, '$.width'),
              'height', json_extract(i.value, '$.height'),
              'seed', json_extract(i.value, '$.seed')))
            FROM json_each(t.data, '$.images') i))) END),
        'error', json(iif(t.error_code IS NULL, 'null', json_object('code', t.error_code, 'message', t.error_message))),
        'cost', t.cost,
        'attempt', t.attempt,
        'task_no', t.task_no,
        'created_at', strftime('%Y-%m-%dT%H:%M:%fZ', t.created_at / 1000.0, 'unixepoch'),
        'finished_at', iif(NEW.type IN ('task.created', 'task.started'), NULL,
          strftime('%Y-%m-%dT%H:%M:%fZ', coalesce(t.finished_at, NEW.at) / 1000.0, 'unixepoch')))),
    NEW.at
  FROM tasks t WHERE t.id = NEW.task_id;
END;

-- A trained model can be used.
CREATE TRIGGER models_ready AFTER UPDATE OF status ON models
WHEN NEW.status = 'success' AND OLD.status <> 'success' AND EXISTS (SELECT 1 FROM webhooks w
  WHERE w.user_id = NEW.user_id AND w.active = 1 AND (w.id = (SELECT webhook_id FROM tasks WHERE id = NEW.task_id)
    OR (w.standing = 1 AND EXISTS (SELECT 1 FROM json_each(w.events) e WHERE e.value = 'model.ready'))))
BEGIN
  INSERT INTO events (event_id, type, ended, user_id, task_id, webhook_id, body, created_at)
  SELECT 'evt_' || lower(hex(randomblob(16))), 'model.ready', 0, NEW.user_id, t.id, t.webhook_id,
    json_object(
      'type', 'model.ready',
      'timestamp', strftime('%Y-%m-%dT%H:%M:%fZ', NEW.updated_at / 1000.0, 'unixepoch'),
      'data', json_object(
        'id', NEW.id,
        'name', NEW.name,
        'type', NEW.type,
        'base_model', NEW.base_model,
        'trigger_words', NEW.trigger_words,
        'size', NEW.size,
        'hash', NEW.sha256,
        'image_url', t.origin || '/files/' || NEW.image_key,
        'task_id', t.id)),
    NEW.updated_at
  FROM tasks t WHERE t.id = NEW.task_id;
END;
