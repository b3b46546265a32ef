-- What was a list of names is one of models: which of them are loaded, and what they take, is told by each heartbeat.
UPDATE servers SET models = (SELECT json_group_array(json_object('name', m.value, 'loaded', json('false'), 'memory', NULL, 'model_id', NULL))
  FROM json_each(servers.models) m WHERE m.type = 'text');
