-- Codes that give points to whoever sends them in. `batch` is the randomness the codes of one creation are made of:
-- without a secret of the deployment it says nothing about them. The first digits are shown, of the whole there is a
-- hash.
CREATE TABLE redeem_codes (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  hash TEXT NOT NULL UNIQUE,
  prefix TEXT NOT NULL,
  batch TEXT NOT NULL,
  points INTEGER NOT NULL CHECK (points > 0),
  max_uses INTEGER NOT NULL CHECK (max_uses > 0),
  uses INTEGER NOT NULL DEFAULT 0,
  expires_at INTEGER,
  grant_ms INTEGER CHECK (grant_ms > 0),
  grant_expires_at INTEGER,
  note TEXT NOT NULL DEFAULT '',
  user_id INTEGER REFERENCES users (id) ON DELETE SET NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CHECK (uses BETWEEN 0 AND max_uses),
  CHECK (grant_ms IS NULL OR grant_expires_at IS NULL)
) STRICT;

CREATE INDEX redeem_codes_batch ON redeem_codes (batch, id);

-- Nobody redeems a code twice.
CREATE TABLE redemptions (
  code_id INTEGER NOT NULL REFERENCES redeem_codes (id) ON DELETE CASCADE,
  user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (code_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX redemptions_user ON redemptions (user_id);

-- Objects that are about to be stored and have no row yet. What stays here was left by a request that died.
CREATE TABLE pending_objects (
  key TEXT PRIMARY KEY,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX pending_objects_created ON pending_objects (created_at);

CREATE INDEX uploads_unfinished ON uploads (created_at) WHERE multipart IS NOT NULL;
