-- Who likes which image. `created_at` of the first time.
CREATE TABLE image_likes (
  user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  image_id INTEGER NOT NULL REFERENCES images (id) ON DELETE CASCADE,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (user_id, image_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX image_likes_image ON image_likes (image_id);

CREATE INDEX image_likes_user ON image_likes (user_id, created_at, image_id);

-- `like_changes` grows with every like and its withdrawal, for watchers: a like does not change the image itself.
ALTER TABLE images ADD COLUMN likes INTEGER NOT NULL DEFAULT 0;

ALTER TABLE images ADD COLUMN like_changes INTEGER NOT NULL DEFAULT 0;

CREATE TRIGGER image_likes_insert AFTER INSERT ON image_likes
BEGIN
  UPDATE images SET likes = likes + 1, like_changes = like_changes + 1 WHERE id = NEW.image_id;
END;

CREATE TRIGGER image_likes_delete AFTER DELETE ON image_likes
BEGIN
  UPDATE images SET likes = likes - 1, like_changes = like_changes + 1 WHERE id = OLD.image_id;
END;

-- What a user has looked at, when last.
CREATE TABLE image_views (
  user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  image_id INTEGER NOT NULL REFERENCES images (id) ON DELETE CASCADE,
  viewed_at INTEGER NOT NULL,
  PRIMARY KEY (user_id, image_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX image_views_image ON image_views (image_id);

CREATE INDEX image_views_user ON image_views (user_id, viewed_at, image_id);

CREATE INDEX image_views_age ON image_views (viewed_at);
