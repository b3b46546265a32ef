-- Choices: collections of images that users curate. `count_changes` grows with every change of the count, for watchers.
CREATE TABLE choices (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  info TEXT NOT NULL DEFAULT '',
  public INTEGER NOT NULL DEFAULT 0 CHECK (public IN (0, 1)),
  count_changes INTEGER NOT NULL DEFAULT 0,
  user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

CREATE INDEX choices_created ON choices (created_at, id);

CREATE INDEX choices_user ON choices (user_id, created_at, id);

CREATE INDEX choices_name ON choices (name, id);

-- `private_of` is the owner of an image that is private, else NULL.
CREATE TABLE choice_images (
  choice_id INTEGER NOT NULL REFERENCES choices (id) ON DELETE CASCADE,
  image_id INTEGER NOT NULL REFERENCES images (id) ON DELETE CASCADE,
  private_of INTEGER,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (choice_id, image_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX choice_images_image ON choice_images (image_id, choice_id);

-- The images of a choice by who sees them, kept by the triggers below: counting takes longer the more there is to
-- count. `viewer` is 0 for public images, which everyone sees; a user's id for their private images; -1 for all images,
-- which administrators see.
CREATE TABLE choice_counts (
  choice_id INTEGER NOT NULL REFERENCES choices (id) ON DELETE CASCADE,
  viewer INTEGER NOT NULL,
  images INTEGER NOT NULL CHECK (images >= 0),
  PRIMARY KEY (choice_id, viewer)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER choice_images_insert AFTER INSERT ON choice_images
BEGIN
  INSERT INTO choice_counts (choice_id, viewer, images)
  VALUES (NEW.choice_id, -1, 1), (NEW.choice_id, coalesce(NEW.private_of, 0), 1)
  ON CONFLICT (choice_id, viewer) DO UPDATE SET images = images + 1;
  UPDATE choices SET count_changes = count_changes + 1 WHERE id = NEW.choice_id;
END;

CREATE TRIGGER choice_images_delete AFTER DELETE ON choice_images
BEGIN
  UPDATE choice_counts SET images = images - 1
  WHERE choice_id = OLD.choice_id AND viewer IN (-1, coalesce(OLD.private_of, 0));
  UPDATE choices SET count_changes = count_changes + 1 WHERE id = OLD.choice_id;
END;

CREATE TRIGGER choice_images_shown AFTER UPDATE OF private_of ON choice_images
BEGIN
  UPDATE choice_counts SET images = images - 1
  WHERE choice_id = OLD.choice_id AND viewer = coalesce(OLD.private_of, 0);
  INSERT INTO choice_counts (choice_id, viewer, images) VALUES (NEW.choice_id, coalesce(NEW.private_of, 0), 1)
  ON CONFLICT (choice_id, viewer) DO UPDATE SET images = images + 1;
  UPDATE choices SET count_changes = count_changes + 1 WHERE id = NEW.choice_id;
END;

CREATE TRIGGER images_shown AFTER UPDATE OF public ON images WHEN NEW.public <> OLD.public
BEGIN
  UPDATE choice_images SET private_of = iif(NEW.public = 1, NULL, NEW.user_id) WHERE image_id = NEW.id;
END;

-- Articles: texts that images were published in. An image belongs to one article at most, at a position from 0.
CREATE TABLE articles (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  title TEXT NOT NULL,
  body TEXT NOT NULL DEFAULT '',
  public INTEGER NOT NULL DEFAULT 1 CHECK (public IN (0, 1)),
  user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

CREATE INDEX articles_created ON articles (created_at, id);

CREATE INDEX articles_user ON articles (user_id, created_at, id);

CREATE INDEX articles_title ON articles (title, id);

ALTER TABLE images ADD COLUMN article_id INTEGER REFERENCES articles (id) ON DELETE SET NULL;

ALTER TABLE images ADD COLUMN article_position INTEGER;

CREATE INDEX images_article ON images (article_id, article_position) WHERE article_id IS NOT NULL;

-- Character pairs (`domain::search`) of an article, by its id.
CREATE VIRTUAL TABLE articles_search USING fts5 (title, body, tokenize = 'unicode61');

CREATE TRIGGER articles_search_insert AFTER INSERT ON articles
BEGIN
  INSERT INTO articles_search (rowid, title, body) VALUES (NEW.id, '', '');
END;

CREATE TRIGGER articles_search_delete AFTER DELETE ON articles
BEGIN
  DELETE FROM articles_search WHERE rowid = OLD.id;
END;

-- `pairs` are the character pairs of the tag's name, for `models_search`.
CREATE TABLE model_tags (
  model_id INTEGER NOT NULL REFERENCES models (id) ON DELETE CASCADE,
  tag_id INTEGER NOT NULL REFERENCES tags (id) ON DELETE CASCADE,
  pairs TEXT NOT NULL,
  PRIMARY KEY (model_id, tag_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX model_tags_tag ON model_tags (tag_id, model_id);

CREATE INDEX models_name ON models (name, id);

-- Character pairs (`domain::search`) of a model's name, trigger words and tags, by its id.
CREATE VIRTUAL TABLE models_search USING fts5 (name, trigger_words, tags, tokenize = 'unicode61');

CREATE TRIGGER models_search_insert AFTER INSERT ON models
BEGIN
  INSERT INTO models_search (rowid, name, trigger_words, tags) VALUES (NEW.id, '', '', '');
END;

CREATE TRIGGER models_search_delete AFTER DELETE ON models
BEGIN
  DELETE FROM models_search WHERE rowid = OLD.id;
END;

CREATE TRIGGER model_tags_insert AFTER INSERT ON model_tags
BEGIN
  UPDATE models_search SET tags = (SELECT group_concat(pairs, ' ') FROM model_tags WHERE model_id = NEW.model_id)
  WHERE rowid = NEW.model_id;
END;

CREATE TRIGGER model_tags_update AFTER UPDATE OF pairs ON model_tags
BEGIN
  UPDATE models_search SET tags = (SELECT group_concat(pairs, ' ') FROM model_tags WHERE model_id = NEW.model_id)
  WHERE rowid = NEW.model_id;
END;

CREATE TRIGGER model_tags_delete AFTER DELETE ON model_tags
BEGIN
  UPDATE models_search
  SET tags = coalesce((SELECT group_concat(pairs, ' ') FROM model_tags WHERE model_id = OLD.model_id), '')
  WHERE rowid = OLD.model_id;
END;

-- The models there are: their text, and each wide character with the one after it.
INSERT INTO models_search (rowid, name, trigger_words, tags)
SELECT m.id,
  m.name || ' ' || coalesce((
    WITH RECURSIVE places (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM places WHERE i < length(m.name))
    SELECT group_concat(substr(m.name, i, 2), ' ') FROM places WHERE unicode(substr(m.name, i, 1)) >= 11904), ''),
  m.trigger_words || ' ' || coalesce((
    WITH RECURSIVE places (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM places WHERE i < length(m.trigger_words))
    SELECT group_concat(substr(m.trigger_words, i, 2), ' ') FROM places
    WHERE unicode(substr(m.trigger_words, i, 1)) >= 11904), ''),
  ''
FROM models m;
