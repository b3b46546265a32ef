-- Rows of each resource, by owner (0: of all) and `public` (1 where a table has no such column), kept by triggers: a
-- list is counted without reading it.
CREATE TABLE row_counts (
  resource TEXT NOT NULL,
  user_id INTEGER NOT NULL,
  public INTEGER NOT NULL,
  n INTEGER NOT NULL,
  PRIMARY KEY (resource, user_id, public)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER images_count_insert AFTER INSERT ON images
BEGIN
  INSERT INTO row_counts (resource, user_id, public, n)
  VALUES ('images', 0, NEW.public, 1), ('images', NEW.user_id, NEW.public, 1)
  ON CONFLICT DO UPDATE SET n = n + 1;
END;

CREATE TRIGGER images_count_delete AFTER DELETE ON images
BEGIN
  UPDATE row_counts SET n = n - 1 WHERE resource = 'images' AND user_id IN (0, OLD.user_id) AND public = OLD.public;
END;

CREATE TRIGGER images_count_public AFTER UPDATE OF public ON images WHEN NEW.public <> OLD.public
BEGIN
  UPDATE row_counts SET n = n - 1 WHERE resource = 'images' AND user_id IN (0, OLD.user_id) AND public = OLD.public;
  INSERT INTO row_counts (resource, user_id, public, n)
  VALUES ('images', 0, NEW.public, 1), ('images', NEW.user_id, NEW.public, 1)
  ON CONFLICT DO UPDATE SET n = n + 1;
END;

INSERT INTO row_counts (resource, user_id, public, n) SELECT 'images', 0, public, count(*) FROM images GROUP BY 3;

INSERT INTO row_counts (resource, user_id, public, n) SELECT 'images', user_id, public, count(*) FROM images GROUP BY 2, 3;

CREATE TRIGGER tasks_count_insert AFTER INSERT ON tasks
BEGIN
  INSERT INTO row_counts (resource, user_id, public, n)
  VALUES ('tasks', 0, NEW.public, 1), ('tasks', NEW.user_id, NEW.public, 1)
  ON CONFLICT DO UPDATE SET n = n + 1;
END;

CREATE TRIGGER tasks_count_delete AFTER DELETE ON tasks
BEGIN
  UPDATE row_counts SET n = n - 1 WHERE resource = 'tasks' AND user_id IN (0, OLD.user_id) AND public = OLD.public;
END;

CREATE TRIGGER tasks_count_public AFTER UPDATE OF public ON tasks WHEN NEW.public <> OLD.public
BEGIN
  UPDATE row_counts SET n = n - 1 WHERE resource = 'tasks' AND user_id IN (0, OLD.user_id) AND public = OLD.public;
  INSERT INTO row_counts (resource, user_id, public, n)
  VALUES ('tasks', 0, NEW.public, 1), ('tasks', NEW.user_id, NEW.public, 1)
  ON CONFLICT DO UPDATE SET n = n + 1;
END;

INSERT INTO row_counts (resource, user_id, public, n) SELECT 'tasks', 0, public, count(*) FROM tasks GROUP BY 3;

INSERT INTO row_counts (resource, user_id, public, n) SELECT 'tasks', user_id, public, count(*) FROM tasks GROUP BY 2, 3;

CREATE TRIGGER models_count_insert AFTER INSERT ON models
BEGIN
  INSERT INTO row_counts (resource, user_id, public, n)
  VALUES ('models', 0, NEW.public, 1), ('models', NEW.user_id, NEW.public, 1)
  ON CONFLICT DO UPDATE SET n = n + 1;
END;

CREATE TRIGGER models_count_delete AFTER DELETE ON models
BEGIN
  UPDATE row_counts SET n = n - 1 WHERE resource = 'models' AND user_id IN (0, OLD.user_id) AND public = OLD.public;
END;

CREATE TRIGGER models_count_public AFTER UPDATE OF public ON models WHEN NEW.public <> OLD.public
BEGIN
  UPDATE row_counts SET n = n - 1 WHERE resource = 'models' AND user_id IN (0, OLD.user_id) AND public = OLD.public;
  INSERT INTO row_counts (resource, user_id, public, n)
  VALUES ('models', 0, NEW.public, 1), ('models', NEW.user_id, NEW.public, 1)
  ON CONFLICT DO UPDATE SET n = n + 1;
END;

INSERT INTO row_counts (resource, user_id, public, n) SELECT 'models', 0, public, count(*) FROM models GROUP BY 3;

INSERT INTO row_counts (resource, user_id, public, n) SELECT 'models', user_id, public, count(*) FROM models GROUP BY 2, 3;

CREATE TRIGGER choices_count_insert AFTER INSERT ON choices
BEGIN
  INSERT INTO row_counts (resource, user_id, public, n)
  VALUES ('choices', 0, NEW.public, 1), ('choices', NEW.user_id, NEW.public, 1)
  ON CONFLICT DO UPDATE SET n = n + 1;
END;

CREATE TRIGGER choices_count_delete AFTER DELETE ON choices
BEGIN
  UPDATE row_counts SET n = n - 1 WHERE resource = 'choices' AND user_id IN (0, OLD.user_id) AND public = OLD.public;
END;

CREATE TRIGGER choices_count_public AFTER UPDATE OF public ON choices WHEN NEW.public <> OLD.public
BEGIN
  UPDATE row_counts SET n = n - 1 WHERE resource = 'choices' AND user_id IN (0, OLD.user_id) AND public = OLD.public;
  INSERT INTO row_counts (resource, user_id, public, n)
  VALUES ('choices', 0, NEW.public, 1), ('choices', NEW.user_id, NEW.public, 1)
  ON CONFLICT DO UPDATE SET n = n + 1;
END;

INSERT INTO row_counts (resource, user_id, public, n) SELECT 'choices', 0, public, count(*) FROM choices GROUP BY 3;

INSERT INTO row_counts (resource, user_id, public, n) SELECT 'choices', user_id, public, count(*) FROM choices GROUP BY 2, 3;

CREATE TRIGGER articles_count_insert AFTER INSERT ON articles
BEGIN
  INSERT INTO row_counts (resource, user_id, public, n)
  VALUES ('articles', 0, NEW.public, 1), ('articles', NEW.user_id, NEW.public, 1)
  ON CONFLICT DO UPDATE SET n = n + 1;
END;

CREATE TRIGGER articles_count_delete AFTER DELETE ON articles
BEGIN
  UPDATE row_counts SET n = n - 1 WHERE resource = 'articles' AND user_id IN (0, OLD.user_id) AND public = OLD.public;
END;

CREATE TRIGGER articles_count_public AFTER UPDATE OF public ON articles WHEN NEW.public <> OLD.public
BEGIN
  UPDATE row_counts SET n = n - 1 WHERE resource = 'articles' AND user_id IN (0, OLD.user_id) AND public = OLD.public;
  INSERT INTO row_counts (resource, user_id, public, n)
  VALUES ('articles', 0, NEW.public, 1), ('articles', NEW.user_id, NEW.public, 1)
  ON CONFLICT DO UPDATE SET n = n + 1;
END;

INSERT INTO row_counts (resource, user_id, public, n) SELECT 'articles', 0, public, count(*) FROM articles GROUP BY 3;

INSERT INTO row_counts (resource, user_id, public, n) SELECT 'articles', user_id, public, count(*) FROM articles GROUP BY 2, 3;

CREATE TRIGGER datasets_count_insert AFTER INSERT ON datasets
BEGIN
  INSERT INTO row_counts (resource, user_id, public, n)
  VALUES ('datasets', 0, NEW.public, 1), ('datasets', NEW.user_id, NEW.public, 1)
  ON CONFLICT DO UPDATE SET n = n + 1;
END;

CREATE TRIGGER datasets_count_delete AFTER DELETE ON datasets
BEGIN
  UPDATE row_counts SET n = n - 1 WHERE resource = 'datasets' AND user_id IN (0, OLD.user_id) AND public = OLD.public;
END;

CREATE TRIGGER datasets_count_public AFTER UPDATE OF public ON datasets WHEN NEW.public <> OLD.public
BEGIN
  UPDATE row_counts SET n = n - 1 WHERE resource = 'datasets' AND user_id IN (0, OLD.user_id) AND public = OLD.public;
  INSERT INTO row_counts (resource, user_id, public, n)
  VALUES ('datasets', 0, NEW.public, 1), ('datasets', NEW.user_id, NEW.public, 1)
  ON CONFLICT DO UPDATE SET n = n + 1;
END;

INSERT INTO row_counts (resource, user_id, public, n) SELECT 'datasets', 0, public, count(*) FROM datasets GROUP BY 3;

INSERT INTO row_counts (resource, user_id, public, n) SELECT 'datasets', user_id, public, count(*) FROM datasets GROUP BY 2, 3;

CREATE TRIGGER uploads_count_insert AFTER INSERT ON uploads
BEGIN
  INSERT INTO row_counts (resource, user_id, public, n)
  VALUES ('uploads', 0, 1, 1), ('uploads', NEW.user_id, 1, 1)
  ON CONFLICT DO UPDATE SET n = n + 1;
END;

CREATE TRIGGER uploads_count_delete AFTER DELETE ON uploads
BEGIN
  UPDATE row_counts SET n = n - 1 WHERE resource = 'uploads' AND user_id IN (0, OLD.user_id) AND public = 1;
END;

INSERT INTO row_counts (resource, user_id, public, n) SELECT 'uploads', 0, 1, count(*) FROM uploads GROUP BY 3;

INSERT INTO row_counts (resource, user_id, public, n) SELECT 'uploads', user_id, 1, count(*) FROM uploads GROUP BY 2, 3;

CREATE TRIGGER tags_count_insert AFTER INSERT ON tags
BEGIN
  INSERT INTO row_counts (resource, user_id, public, n)
  VALUES ('tags', 0, 1, 1), ('tags', NEW.user_id, 1, 1)
  ON CONFLICT DO UPDATE SET n = n + 1;
END;

CREATE TRIGGER tags_count_delete AFTER DELETE ON tags
BEGIN
  UPDATE row_counts SET n = n - 1 WHERE resource = 'tags' AND user_id IN (0, OLD.user_id) AND public = 1;
END;

INSERT INTO row_counts (resource, user_id, public, n) SELECT 'tags', 0, 1, count(*) FROM tags GROUP BY 3;

INSERT INTO row_counts (resource, user_id, public, n) SELECT 'tags', user_id, 1, count(*) FROM tags GROUP BY 2, 3;

CREATE TRIGGER users_count_insert AFTER INSERT ON users
BEGIN
  INSERT INTO row_counts (resource, user_id, public, n)
  VALUES ('users', 0, 1, 1), ('users', NEW.id, 1, 1)
  ON CONFLICT DO UPDATE SET n = n + 1;
END;

CREATE TRIGGER users_count_delete AFTER DELETE ON users
BEGIN
  UPDATE row_counts SET n = n - 1 WHERE resource = 'users' AND user_id IN (0, OLD.id) AND public = 1;
END;

INSERT INTO row_counts (resource, user_id, public, n) SELECT 'users', 0, 1, count(*) FROM users GROUP BY 3;

INSERT INTO row_counts (resource, user_id, public, n) SELECT 'users', id, 1, count(*) FROM users GROUP BY 2, 3;

CREATE TRIGGER users_counts AFTER DELETE ON users
BEGIN
  DELETE FROM row_counts WHERE user_id = OLD.id AND resource IN ('images', 'tasks', 'models', 'choices', 'articles', 'datasets',
    'uploads', 'tags', 'users');
END;

-- The tags of images repeat what lists by tag need, so that they are read along an index.
ALTER TABLE image_tags ADD COLUMN public INTEGER;

ALTER TABLE image_tags ADD COLUMN user_id INTEGER;

ALTER TABLE image_tags ADD COLUMN created_at INTEGER;

UPDATE image_tags SET (public, user_id, created_at) =
  (SELECT i.public, i.user_id, i.created_at FROM images i WHERE i.id = image_tags.image_id);

CREATE INDEX image_tags_public ON image_tags (tag_id, public, created_at, image_id);

CREATE INDEX image_tags_own ON image_tags (tag_id, user_id, public, created_at, image_id);

-- Images with each tag, by owner (0: of all) and `public`.
CREATE TABLE tag_counts (
  tag_id INTEGER NOT NULL REFERENCES tags (id) ON DELETE CASCADE,
  user_id INTEGER NOT NULL,
  public INTEGER NOT NULL,
  n INTEGER NOT NULL,
  PRIMARY KEY (tag_id, user_id, public)
) STRICT, WITHOUT ROWID;

-- The tags that a user has used.
CREATE INDEX tag_counts_user ON tag_counts (user_id, public, tag_id) WHERE n > 0;

INSERT INTO tag_counts (tag_id, user_id, public, n) SELECT tag_id, 0, public, count(*) FROM image_tags GROUP BY 1, 3;

INSERT INTO tag_counts (tag_id, user_id, public, n) SELECT tag_id, user_id, public, count(*) FROM image_tags GROUP BY 1, 2, 3;

-- Public images with the tag.
ALTER TABLE tags ADD COLUMN uses INTEGER NOT NULL DEFAULT 0;

UPDATE tags SET uses = coalesce((SELECT n FROM tag_counts WHERE tag_id = tags.id AND user_id = 0 AND public = 1), 0);

CREATE INDEX tags_uses ON tags (uses, id);

CREATE TRIGGER tag_counts_insert AFTER INSERT ON tag_counts WHEN NEW.user_id = 0 AND NEW.public = 1
BEGIN
  UPDATE tags SET uses = NEW.n WHERE id = NEW.tag_id;
END;

CREATE TRIGGER tag_counts_update AFTER UPDATE OF n ON tag_counts WHEN NEW.user_id = 0 AND NEW.public = 1
BEGIN
  UPDATE tags SET uses = NEW.n WHERE id = NEW.tag_id;
END;

CREATE TRIGGER image_tags_insert AFTER INSERT ON image_tags
BEGIN
  UPDATE image_tags SET (public, user_id, created_at) =
    (SELECT i.public, i.user_id, i.created_at FROM images i WHERE i.id = NEW.image_id)
  WHERE image_id = NEW.image_id AND tag_id = NEW.tag_id;
  INSERT INTO tag_counts (tag_id, user_id, public, n)
  SELECT NEW.tag_id, o.value, i.public, 1 FROM images i, json_each(json_array(0, i.user_id)) o WHERE i.id = NEW.image_id
  ON CONFLICT DO UPDATE SET n = n + 1;
END;

CREATE TRIGGER image_tags_delete AFTER DELETE ON image_tags
BEGIN
  UPDATE tag_counts SET n = n - 1
  WHERE tag_id = OLD.tag_id AND user_id IN (0, OLD.user_id) AND public = OLD.public;
END;

CREATE TRIGGER image_tags_public AFTER UPDATE OF public ON image_tags WHEN OLD.public <> NEW.public
BEGIN
  UPDATE tag_counts SET n = n - 1
  WHERE tag_id = OLD.tag_id AND user_id IN (0, OLD.user_id) AND public = OLD.public;
  INSERT INTO tag_counts (tag_id, user_id, public, n)
  VALUES (NEW.tag_id, 0, NEW.public, 1), (NEW.tag_id, NEW.user_id, NEW.public, 1)
  ON CONFLICT DO UPDATE SET n = n + 1;
END;

CREATE TRIGGER images_tags_public AFTER UPDATE OF public ON images WHEN NEW.public <> OLD.public
BEGIN
  UPDATE image_tags SET public = NEW.public WHERE image_id = NEW.id;
END;

-- Each branch of a list (`store::visible`) has an index in the order of the list.
DROP INDEX images_created;

DROP INDEX images_user;

CREATE INDEX images_public ON images (public, created_at, id);

CREATE INDEX images_own ON images (user_id, public, created_at, id);

DROP INDEX models_created;

DROP INDEX models_user;

DROP INDEX models_name;

DROP INDEX choices_created;

DROP INDEX choices_user;

DROP INDEX choices_name;

DROP INDEX articles_created;

DROP INDEX articles_user;

DROP INDEX articles_title;

DROP INDEX datasets_created;

DROP INDEX datasets_user;

DROP INDEX datasets_name;

DROP INDEX datasets_count;

CREATE INDEX models_public ON models (public, created_at, id);

CREATE INDEX models_own ON models (user_id, public, created_at, id);

CREATE INDEX models_public_name ON models (public, name, id);

CREATE INDEX models_own_name ON models (user_id, public, name, id);

CREATE INDEX choices_public ON choices (public, created_at, id);

CREATE INDEX choices_own ON choices (user_id, public, created_at, id);

CREATE INDEX choices_public_name ON choices (public, name, id);

CREATE INDEX choices_own_name ON choices (user_id, public, name, id);

CREATE INDEX articles_public ON articles (public, created_at, id);

CREATE INDEX articles_own ON articles (user_id, public, created_at, id);

CREATE INDEX articles_public_title ON articles (public, title, id);

CREATE INDEX articles_own_title ON articles (user_id, public, title, id);

CREATE INDEX datasets_public ON datasets (public, created_at, id);

CREATE INDEX datasets_own ON datasets (user_id, public, created_at, id);

CREATE INDEX datasets_public_name ON datasets (public, name, id);

CREATE INDEX datasets_own_name ON datasets (user_id, public, name, id);

CREATE INDEX datasets_public_count ON datasets (public, image_count, id);

CREATE INDEX datasets_own_count ON datasets (user_id, public, image_count, id);

CREATE INDEX users_created ON users (created_at, id);

CREATE INDEX users_name ON users (name, id);

CREATE INDEX users_admin ON users (admin, created_at, id);

CREATE INDEX users_admin_name ON users (admin, name, id);

CREATE INDEX uploads_size ON uploads (size, id);

CREATE INDEX uploads_user_size ON uploads (user_id, size, id);

CREATE INDEX uploads_created ON uploads (created_at, id);

CREATE INDEX sessions_created ON sessions (created_at, id);

CREATE INDEX sessions_expiring ON sessions (expires_at, id);

CREATE INDEX sessions_user_expiring ON sessions (user_id, expires_at, id);

DROP INDEX sessions_expires;

CREATE INDEX keys_name ON keys (name, id);

CREATE INDEX keys_user_name ON keys (user_id, name, id);

CREATE INDEX redeem_codes_created ON redeem_codes (created_at, id);

CREATE INDEX redeem_codes_points ON redeem_codes (points, id);

CREATE INDEX redeem_codes_uses ON redeem_codes (uses, id);

CREATE INDEX keys_created ON keys (created_at, id);

CREATE INDEX webhooks_created ON webhooks (created_at, id);
