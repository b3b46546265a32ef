-- What was a list of names is one of models: which of them are loaded, and what they take, is told by each heartbeat.
UPDATE servers SET models = (SELECT json_group_array(json_object('name', m.value, 'loaded', json('false'), 'memory', NULL, 'model_id', NULL))
  FROM json_each(servers.models) m WHERE m.type = 'text');

-- What a picture was drawn with: which models these were, though they may be gone since.
ALTER TABLE images ADD COLUMN model_id INTEGER;

ALTER TABLE images ADD COLUMN loras TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(loras));
