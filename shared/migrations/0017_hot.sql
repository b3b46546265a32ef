-- How much a model is used lately: see `domain::popularity`. Only sums of it are ever compared, so nothing is computed
-- anew as time passes.
ALTER TABLE models ADD COLUMN hot REAL NOT NULL DEFAULT 0;

UPDATE models SET hot = downloads;

CREATE INDEX models_public_hot ON models (public, hot, id);

CREATE INDEX models_own_hot ON models (user_id, public, hot, id);
