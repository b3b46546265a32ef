DROP TRIGGER guard_check;

CREATE TRIGGER guard_check INSTEAD OF INSERT ON guard WHEN NEW.holds IS NOT 1
BEGIN
  SELECT CASE NEW.code
    WHEN 'unauthenticated' THEN RAISE(ABORT, 'guard:unauthenticated')
    WHEN 'missing_scope' THEN RAISE(ABORT, 'guard:missing_scope')
    WHEN 'forbidden' THEN RAISE(ABORT, 'guard:forbidden')
    WHEN 'not_found' THEN RAISE(ABORT, 'guard:not_found')
    WHEN 'conflict' THEN RAISE(ABORT, 'guard:conflict')
    WHEN 'stale' THEN RAISE(ABORT, 'guard:stale')
    WHEN 'replay' THEN RAISE(ABORT, 'guard:replay')
    WHEN 'too_many' THEN RAISE(ABORT, 'guard:too_many')
    WHEN 'insufficient_points' THEN RAISE(ABORT, 'guard:insufficient_points')
    WHEN 'invalid' THEN RAISE(ABORT, 'guard:invalid')
    WHEN 'gone' THEN RAISE(ABORT, 'guard:gone')
    ELSE RAISE(ABORT, 'guard:unknown')
  END;
END;

CREATE TABLE accounts (
  id INTEGER PRIMARY KEY,
  balance INTEGER NOT NULL DEFAULT 0,
  CHECK (balance >= 0 OR id = -1)
) STRICT;

INSERT INTO accounts (id) VALUES (-1), (-2), (-3), (-4);

INSERT INTO accounts (id) SELECT id FROM users;

CREATE TRIGGER users_account AFTER INSERT ON users
BEGIN
  INSERT INTO accounts (id) VALUES (NEW.id);
END;

CREATE TABLE entries (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL CHECK (kind IN ('grant', 'hold', 'capture', 'void', 'expire', 'forfeit')),
  debit INTEGER NOT NULL REFERENCES accounts (id),
  credit INTEGER NOT NULL REFERENCES accounts (id),
  amount INTEGER NOT NULL CHECK (amount > 0),
  user_id INTEGER NOT NULL REFERENCES accounts (id),
  task_id INTEGER,
  grant_id INTEGER,
  created_at INTEGER NOT NULL,
  CHECK (debit <> credit)
) STRICT;

CREATE INDEX entries_user ON entries (user_id, id);

CREATE TRIGGER entries_book AFTER INSERT ON entries
BEGIN
  UPDATE accounts SET balance = balance - NEW.amount WHERE id = NEW.debit;
  UPDATE accounts SET balance = balance + NEW.amount WHERE id = NEW.credit;
END;

CREATE TRIGGER entries_update BEFORE UPDATE ON entries
BEGIN
  SELECT RAISE(ABORT, 'the ledger is append-only');
END;

CREATE TRIGGER entries_delete BEFORE DELETE ON entries
BEGIN
  SELECT RAISE(ABORT, 'the ledger is append-only');
END;

CREATE TABLE grants (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  user_id INTEGER NOT NULL REFERENCES accounts (id),
  kind TEXT NOT NULL CHECK (kind IN ('grant', 'signup', 'redeem')),
  amount INTEGER NOT NULL CHECK (amount > 0),
  remaining INTEGER NOT NULL CHECK (remaining BETWEEN 0 AND amount),
  reason TEXT NOT NULL DEFAULT '',
  granted_by INTEGER,
  expires_at INTEGER,
  expired_at INTEGER,
  created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX grants_spendable ON grants (user_id, id) WHERE remaining > 0;

CREATE INDEX grants_user ON grants (user_id, id);

CREATE INDEX grants_expiring ON grants (expires_at) WHERE expired_at IS NULL;

CREATE TRIGGER grants_book AFTER INSERT ON grants
BEGIN
  INSERT INTO entries (kind, debit, credit, amount, user_id, grant_id, created_at)
  VALUES ('grant', -1, NEW.user_id, NEW.amount, NEW.user_id, NEW.id, NEW.created_at);
END;

CREATE TRIGGER grants_expire AFTER UPDATE OF expired_at ON grants
WHEN OLD.expired_at IS NULL AND NEW.expired_at IS NOT NULL AND NEW.remaining > 0
BEGIN
  INSERT INTO entries (kind, debit, credit, amount, user_id, grant_id, created_at)
  VALUES ('expire', NEW.user_id, -4, NEW.remaining, NEW.user_id, NEW.id, NEW.expired_at);
  UPDATE grants SET remaining = 0 WHERE id = NEW.id;
END;

CREATE TABLE holds (
  task_id INTEGER PRIMARY KEY,
  user_id INTEGER NOT NULL REFERENCES accounts (id),
  amount INTEGER NOT NULL CHECK (amount >= 0),
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE hold_parts (
  task_id INTEGER NOT NULL REFERENCES holds (task_id),
  grant_id INTEGER NOT NULL REFERENCES grants (id),
  amount INTEGER NOT NULL CHECK (amount > 0),
  PRIMARY KEY (task_id, grant_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE closings (
  task_id INTEGER PRIMARY KEY REFERENCES holds (task_id),
  outcome TEXT NOT NULL CHECK (outcome IN ('captured', 'voided')),
  created_at INTEGER NOT NULL
) STRICT;

INSERT INTO holds (task_id, user_id, amount, created_at) SELECT id, user_id, 0, created_at FROM tasks;

INSERT INTO closings (task_id, outcome, created_at)
SELECT id, iif(status = 'success', 'captured', 'voided'), finished_at FROM tasks WHERE finished_at IS NOT NULL;

CREATE TRIGGER holds_update BEFORE UPDATE ON holds
BEGIN
  SELECT RAISE(ABORT, 'the ledger is append-only');
END;

CREATE TRIGGER holds_delete BEFORE DELETE ON holds
BEGIN
  SELECT RAISE(ABORT, 'the ledger is append-only');
END;

CREATE TRIGGER closings_update BEFORE UPDATE ON closings
BEGIN
  SELECT RAISE(ABORT, 'the ledger is append-only');
END;

CREATE TRIGGER closings_delete BEFORE DELETE ON closings
BEGIN
  SELECT RAISE(ABORT, 'the ledger is append-only');
END;

CREATE TRIGGER closings_book AFTER INSERT ON closings
BEGIN
  INSERT INTO entries (kind, debit, credit, amount, user_id, task_id, created_at)
  SELECT iif(NEW.outcome = 'captured', 'capture', 'void'), -2, iif(NEW.outcome = 'captured', -3, h.user_id), h.amount, h.user_id, h.task_id, NEW.created_at
  FROM holds h WHERE h.task_id = NEW.task_id AND h.amount > 0;
  UPDATE grants SET expired_at = NULL, remaining = remaining
    + (SELECT p.amount FROM hold_parts p WHERE p.task_id = NEW.task_id AND p.grant_id = grants.id)
  WHERE NEW.outcome = 'voided' AND id IN (SELECT grant_id FROM hold_parts WHERE task_id = NEW.task_id);
END;

ALTER TABLE tasks ADD COLUMN cost INTEGER NOT NULL DEFAULT 0 CHECK (cost >= 0);

ALTER TABLE tasks ADD COLUMN task_no TEXT;

ALTER TABLE tasks ADD COLUMN model_name TEXT;

ALTER TABLE tasks ADD COLUMN task_type TEXT NOT NULL DEFAULT 'text_to_image';

ALTER TABLE tasks ADD COLUMN turn INTEGER NOT NULL DEFAULT 0;

ALTER TABLE tasks ADD COLUMN work REAL NOT NULL DEFAULT 1;

ALTER TABLE tasks ADD COLUMN origin TEXT NOT NULL DEFAULT '';

ALTER TABLE tasks ADD COLUMN webhook_id INTEGER;

ALTER TABLE tasks ADD COLUMN hinted_at INTEGER NOT NULL DEFAULT 0;

ALTER TABLE tasks ADD COLUMN claimed_at INTEGER;

CREATE UNIQUE INDEX tasks_no ON tasks (task_no);

DROP INDEX tasks_waiting;

CREATE INDEX tasks_turn ON tasks (type, turn, id, work) WHERE status = 'waiting';

CREATE INDEX tasks_turn_user ON tasks (user_id, type, turn) WHERE status = 'waiting';

CREATE INDEX tasks_open ON tasks (deadline) WHERE finished_at IS NULL;

CREATE INDEX tasks_pace ON tasks (type, finished_at) WHERE status = 'success';

CREATE TABLE queue_clocks (
  type TEXT PRIMARY KEY,
  turn INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

INSERT INTO queue_clocks (type) VALUES ('inference'), ('training');

CREATE TRIGGER tasks_hold AFTER INSERT ON tasks
BEGIN
  UPDATE grants SET expired_at = NEW.created_at
  WHERE user_id = NEW.user_id AND expired_at IS NULL AND expires_at <= NEW.created_at;
  INSERT INTO guard SELECT 'insufficient_points', coalesce((SELECT sum(remaining) FROM grants
    WHERE user_id = NEW.user_id AND remaining > 0), 0) >= NEW.cost;
  INSERT INTO holds (task_id, user_id, amount, created_at) VALUES (NEW.id, NEW.user_id, NEW.cost, NEW.created_at);
  INSERT INTO hold_parts (task_id, grant_id, amount)
  SELECT NEW.id, g.id, min(g.remaining, NEW.cost - g.before) FROM (
    SELECT id, remaining, sum(remaining) OVER (ORDER BY coalesce(expires_at, 9007199254740991), id) - remaining AS before
    FROM grants WHERE user_id = NEW.user_id AND remaining > 0
  ) g WHERE g.before < NEW.cost;
  UPDATE grants SET remaining = remaining
    - (SELECT p.amount FROM hold_parts p WHERE p.task_id = NEW.id AND p.grant_id = grants.id)
  WHERE id IN (SELECT grant_id FROM hold_parts WHERE task_id = NEW.id);
  INSERT INTO entries (kind, debit, credit, amount, user_id, task_id, created_at)
  SELECT 'hold', NEW.user_id, -2, NEW.cost, NEW.user_id, NEW.id, NEW.created_at WHERE NEW.cost > 0;
END;

CREATE TRIGGER tasks_close AFTER UPDATE OF status ON tasks
WHEN NEW.status IN ('success', 'error') AND OLD.status NOT IN ('success', 'error')
BEGIN
  INSERT INTO closings (task_id, outcome, created_at)
  VALUES (NEW.id, iif(NEW.status = 'success', 'captured', 'voided'), NEW.finished_at);
END;

CREATE TRIGGER tasks_gone BEFORE DELETE ON tasks WHEN OLD.status NOT IN ('success', 'error')
BEGIN
  INSERT INTO closings (task_id, outcome, created_at)
  SELECT OLD.id, 'voided', max(OLD.updated_at, CAST(unixepoch('subsec') * 1000 AS INTEGER))
  WHERE NOT EXISTS (SELECT 1 FROM closings WHERE task_id = OLD.id);
END;

CREATE TRIGGER users_gone BEFORE DELETE ON users
BEGIN
  INSERT INTO closings (task_id, outcome, created_at)
  SELECT t.id, 'voided', max(t.updated_at, CAST(unixepoch('subsec') * 1000 AS INTEGER)) FROM tasks t
  WHERE t.user_id = OLD.id AND t.finished_at IS NULL;
  INSERT INTO entries (kind, debit, credit, amount, user_id, created_at)
  SELECT 'forfeit', OLD.id, -4, a.balance, OLD.id, CAST(unixepoch('subsec') * 1000 AS INTEGER)
  FROM accounts a WHERE a.id = OLD.id AND a.balance > 0;
  UPDATE grants SET remaining = 0 WHERE user_id = OLD.id AND remaining > 0;
END;

CREATE TABLE points_config (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  model_name TEXT NOT NULL UNIQUE,
  description TEXT NOT NULL DEFAULT '',
  points_cost INTEGER NOT NULL CHECK (points_cost BETWEEN 0 AND 1000000),
  task_type TEXT NOT NULL CHECK (task_type IN ('text_to_image', 'image_to_image')),
  aspect_ratio TEXT NOT NULL CHECK (aspect_ratio IN ('auto', '1:1', '2:3', '3:2')),
  size INTEGER NOT NULL DEFAULT 512 CHECK (size BETWEEN 64 AND 1024 AND size % 8 = 0),
  defaults TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(defaults)),
  standard INTEGER NOT NULL DEFAULT 0 CHECK (standard IN (0, 1)),
  enabled INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX points_config_standard ON points_config (task_type) WHERE standard = 1;

INSERT INTO points_config (model_name, description, points_cost, task_type, aspect_ratio, standard, created_at, updated_at) VALUES
  ('sc_soraimg_text_auto', '速创生图 文生图-自动比例', 30, 'text_to_image', 'auto', 1, CAST(unixepoch('subsec') * 1000 AS INTEGER), CAST(unixepoch('subsec') * 1000 AS INTEGER)),
  ('sc_soraimg_text_1x1', '速创生图 文生图-正方形(1:1)', 30, 'text_to_image', '1:1', 0, CAST(unixepoch('subsec') * 1000 AS INTEGER), CAST(unixepoch('subsec') * 1000 AS INTEGER)),
  ('sc_soraimg_text_2x3', '速创生图 文生图-竖图(2:3)', 30, 'text_to_image', '2:3', 0, CAST(unixepoch('subsec') * 1000 AS INTEGER), CAST(unixepoch('subsec') * 1000 AS INTEGER)),
  ('sc_soraimg_text_3x2', '速创生图 文生图-横图(3:2)', 30, 'text_to_image', '3:2', 0, CAST(unixepoch('subsec') * 1000 AS INTEGER), CAST(unixepoch('subsec') * 1000 AS INTEGER)),
  ('sc_soraimg_img2img_auto', '速创生图 图生图-自动比例', 35, 'image_to_image', 'auto', 1, CAST(unixepoch('subsec') * 1000 AS INTEGER), CAST(unixepoch('subsec') * 1000 AS INTEGER)),
  ('sc_soraimg_img2img_1x1', '速创生图 图生图-正方形(1:1)', 35, 'image_to_image', '1:1', 0, CAST(unixepoch('subsec') * 1000 AS INTEGER), CAST(unixepoch('subsec') * 1000 AS INTEGER)),
  ('sc_soraimg_img2img_2x3', '速创生图 图生图-竖图(2:3)', 35, 'image_to_image', '2:3', 0, CAST(unixepoch('subsec') * 1000 AS INTEGER), CAST(unixepoch('subsec') * 1000 AS INTEGER)),
  ('sc_soraimg_img2img_3x2', '速创生图 图生图-横图(3:2)', 35, 'image_to_image', '3:2', 0, CAST(unixepoch('subsec') * 1000 AS INTEGER), CAST(unixepoch('subsec') * 1000 AS INTEGER));
