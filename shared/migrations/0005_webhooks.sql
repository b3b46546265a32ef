CREATE TABLE webhooks (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  url TEXT NOT NULL,
  events TEXT NOT NULL CHECK (json_valid(events)),
  standing INTEGER NOT NULL DEFAULT 1 CHECK (standing IN (0, 1)),
  active INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1)),
  version INTEGER NOT NULL DEFAULT 1,
  retired TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(retired)),
  failures INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

CREATE INDEX webhooks_user ON webhooks (user_id, created_at, id);

CREATE UNIQUE INDEX webhooks_of_tasks ON webhooks (user_id, url) WHERE standing = 0;

CREATE TABLE events (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  event_id TEXT NOT NULL UNIQUE,
  type TEXT NOT NULL,
  ended INTEGER NOT NULL CHECK (ended IN (0, 1)),
  user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  task_id INTEGER,
  webhook_id INTEGER,
  body TEXT NOT NULL CHECK (json_valid(body)),
  created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX events_user ON events (user_id, ended, id);

CREATE INDEX events_task ON events (task_id);

CREATE INDEX events_created ON events (created_at);

CREATE TRIGGER events_update BEFORE UPDATE ON events
BEGIN
  SELECT RAISE(ABORT, 'events never change');
END;

CREATE TABLE deliveries (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  webhook_id INTEGER NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
  event_id INTEGER NOT NULL REFERENCES events (id) ON DELETE CASCADE,
  status TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'delivered', 'failed')),
  tries INTEGER NOT NULL DEFAULT 0,
  log TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(log)),
  next_at INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  UNIQUE (webhook_id, event_id)
) STRICT;

CREATE INDEX deliveries_webhook ON deliveries (webhook_id, created_at, id);

CREATE INDEX deliveries_event ON deliveries (event_id);

CREATE INDEX deliveries_due ON deliveries (next_at) WHERE status = 'pending';

CREATE TRIGGER events_deliver AFTER INSERT ON events
BEGIN
  INSERT INTO deliveries (webhook_id, event_id, created_at, updated_at)
  SELECT w.id, NEW.id, NEW.created_at, NEW.created_at FROM webhooks w
  WHERE w.user_id = NEW.user_id AND w.active = 1 AND (w.id = NEW.webhook_id
    OR (w.standing = 1 AND EXISTS (SELECT 1 FROM json_each(w.events) e WHERE e.value = NEW.type)));
END;

CREATE VIEW announcements (type, task_id, at) AS SELECT '', 0, 0 WHERE 0;

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
        'status', iif(NEW.type = 'task.canceled', 'error', t.status),
        'progress', t.progress,
        'data', json(iif(t.status = 'success', json_object('images', json((
          SELECT json_group_array(json_object(
            'id', json_extract(i.value, '$.id'),
            'url', t.origin || json_extract(i.value, '$.url'),
            'width', json_extract(i.value, '$.width'),
            'height', json_extract(i.value, '$.height'),
            'seed', json_extract(i.value, '$.seed')))
          FROM json_each(t.data, '$.images') i))), '{}')),
        'error', json(CASE
          WHEN t.error_code IS NOT NULL THEN json_object('code', t.error_code, 'message', t.error_message)
          WHEN NEW.type = 'task.canceled' THEN json_object('code', 'canceled', 'message', 'The task was canceled.')
          ELSE 'null' END),
        'cost', t.cost,
        'attempt', t.attempt,
        'task_no', t.task_no,
        'created_at', strftime('%Y-%m-%dT%H:%M:%fZ', t.created_at / 1000.0, 'unixepoch'),
        'finished_at', iif(NEW.type IN ('task.created', 'task.started'), NULL,
          strftime('%Y-%m-%dT%H:%M:%fZ', coalesce(t.finished_at, NEW.at) / 1000.0, 'unixepoch')))),
    NEW.at
  FROM tasks t WHERE t.id = NEW.task_id;
END;

CREATE TRIGGER tasks_created AFTER INSERT ON tasks
WHEN EXISTS (SELECT 1 FROM webhooks w WHERE w.user_id = NEW.user_id AND w.active = 1 AND (w.id = NEW.webhook_id
  OR (w.standing = 1 AND EXISTS (SELECT 1 FROM json_each(w.events) e WHERE e.value = 'task.created'))))
BEGIN
  INSERT INTO announcements VALUES ('task.created', NEW.id, NEW.created_at);
END;

CREATE TRIGGER tasks_started AFTER UPDATE OF status ON tasks
WHEN NEW.status = 'running' AND OLD.started_at IS NULL
  AND EXISTS (SELECT 1 FROM webhooks w WHERE w.user_id = NEW.user_id AND w.active = 1 AND (w.id = NEW.webhook_id
    OR (w.standing = 1 AND EXISTS (SELECT 1 FROM json_each(w.events) e WHERE e.value = 'task.started'))))
BEGIN
  INSERT INTO announcements VALUES ('task.started', NEW.id, NEW.started_at);
END;

CREATE TRIGGER tasks_ended AFTER UPDATE OF status ON tasks
WHEN NEW.status IN ('success', 'error') AND OLD.status NOT IN ('success', 'error')
BEGIN
  INSERT INTO announcements
  SELECT CASE WHEN NEW.status = 'success' THEN 'task.succeeded' WHEN NEW.error_code = 'canceled' THEN 'task.canceled'
    ELSE 'task.failed' END, NEW.id, NEW.finished_at;
END;

CREATE TRIGGER tasks_removed BEFORE DELETE ON tasks
WHEN OLD.status NOT IN ('success', 'error') AND EXISTS (SELECT 1 FROM users WHERE id = OLD.user_id)
BEGIN
  INSERT INTO announcements
  SELECT 'task.canceled', OLD.id, max(OLD.updated_at, CAST(unixepoch('subsec') * 1000 AS INTEGER));
END;
