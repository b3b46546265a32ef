-- Datasets: images to train with. The counts are of the images that were not removed, kept by the triggers below;
-- `changes` grows with each of them, for watchers.
CREATE TABLE datasets (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  info TEXT NOT NULL DEFAULT '',
  public INTEGER NOT NULL DEFAULT 0 CHECK (public IN (0, 1)),
  image_count INTEGER NOT NULL DEFAULT 0 CHECK (image_count >= 0),
  pending_count INTEGER NOT NULL DEFAULT 0 CHECK (pending_count >= 0),
  failed_count INTEGER NOT NULL DEFAULT 0 CHECK (failed_count >= 0),
  changes INTEGER NOT NULL DEFAULT 0,
  user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

CREATE INDEX datasets_created ON datasets (created_at, id);

CREATE INDEX datasets_user ON datasets (user_id, created_at, id);

CREATE INDEX datasets_name ON datasets (name, id);

CREATE INDEX datasets_count ON datasets (image_count, id);

-- An image of a dataset: an address (`source`), and our copy of it (`key`) once it is `ready`. But for copying a row
-- never changes: another caption is another row with the same key. A removed row stays for the trainings that began
-- before `removed_at`, also when its dataset is deleted, so nothing here refers to datasets or users.
-- `claimed` is 1 while a try to copy it runs, until `not_before`.
CREATE TABLE dataset_images (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  dataset_id INTEGER NOT NULL,
  user_id INTEGER NOT NULL,
  position INTEGER NOT NULL,
  source TEXT NOT NULL,
  key TEXT,
  caption TEXT NOT NULL DEFAULT '',
  width INTEGER,
  height INTEGER,
  size INTEGER,
  sha256 TEXT,
  status TEXT NOT NULL CHECK (status IN ('pending', 'ready', 'failed')),
  error_code TEXT,
  tries INTEGER NOT NULL DEFAULT 0,
  claimed INTEGER NOT NULL DEFAULT 0 CHECK (claimed IN (0, 1)),
  not_before INTEGER NOT NULL DEFAULT 0,
  removed_at INTEGER,
  created_at INTEGER NOT NULL,
  CHECK (status <> 'ready' OR (key IS NOT NULL AND size IS NOT NULL AND sha256 IS NOT NULL))
) STRICT;

CREATE INDEX dataset_images_live ON dataset_images (dataset_id, position, id) WHERE removed_at IS NULL;

CREATE UNIQUE INDEX dataset_images_source ON dataset_images (dataset_id, source) WHERE removed_at IS NULL;

CREATE INDEX dataset_images_removed ON dataset_images (dataset_id, source) WHERE removed_at IS NOT NULL;

CREATE INDEX dataset_images_dataset ON dataset_images (dataset_id, id);

CREATE INDEX dataset_images_key ON dataset_images (key) WHERE key IS NOT NULL;

-- The images to copy: of one user, and in all.
CREATE INDEX dataset_images_pending ON dataset_images (user_id, not_before, id) WHERE status = 'pending';

CREATE INDEX dataset_images_due ON dataset_images (not_before) WHERE status = 'pending';

CREATE INDEX dataset_images_claimed ON dataset_images (not_before) WHERE status = 'pending' AND claimed = 1;

CREATE TRIGGER dataset_images_insert AFTER INSERT ON dataset_images WHEN NEW.removed_at IS NULL
BEGIN
  UPDATE datasets SET image_count = image_count + 1, pending_count = pending_count + (NEW.status = 'pending'),
    failed_count = failed_count + (NEW.status = 'failed'), changes = changes + 1
  WHERE id = NEW.dataset_id;
END;

CREATE TRIGGER dataset_images_update AFTER UPDATE OF status, removed_at ON dataset_images
BEGIN
  UPDATE datasets SET
    image_count = image_count + (NEW.removed_at IS NULL) - (OLD.removed_at IS NULL),
    pending_count = pending_count + (NEW.removed_at IS NULL AND NEW.status = 'pending')
      - (OLD.removed_at IS NULL AND OLD.status = 'pending'),
    failed_count = failed_count + (NEW.removed_at IS NULL AND NEW.status = 'failed')
      - (OLD.removed_at IS NULL AND OLD.status = 'failed'),
    changes = changes + 1
  WHERE id = NEW.dataset_id;
END;

CREATE TRIGGER dataset_images_delete AFTER DELETE ON dataset_images WHEN OLD.removed_at IS NULL
BEGIN
  UPDATE datasets SET image_count = image_count - 1, pending_count = pending_count - (OLD.status = 'pending'),
    failed_count = failed_count - (OLD.status = 'failed'), changes = changes + 1
  WHERE id = OLD.dataset_id;
END;

-- Rows that differ in their captions share a file: it goes with the last of them.
CREATE TRIGGER dataset_images_delete_file AFTER DELETE ON dataset_images WHEN OLD.key IS NOT NULL
BEGIN
  INSERT INTO outbox (kind, target, payload, not_before, created_at)
  SELECT 'delete_blob', OLD.key, '', OLD.created_at, OLD.created_at
  WHERE NOT EXISTS (SELECT 1 FROM dataset_images WHERE key = OLD.key);
END;
