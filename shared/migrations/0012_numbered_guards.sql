-- A guard is known by its number in the transaction, so that each fails with an error of its own (`store::Tx::guard`).
-- Guards inside of triggers are raised by code.
DROP TRIGGER guard_check;

CREATE TRIGGER guard_check INSTEAD OF INSERT ON guard WHEN NEW.holds IS NOT 1
BEGIN
  SELECT CASE NEW.code
    WHEN 0 THEN RAISE(ABORT, 'guard:0')
    WHEN 1 THEN RAISE(ABORT, 'guard:1')
    WHEN 2 THEN RAISE(ABORT, 'guard:2')
    WHEN 3 THEN RAISE(ABORT, 'guard:3')
    WHEN 4 THEN RAISE(ABORT, 'guard:4')
    WHEN 5 THEN RAISE(ABORT, 'guard:5')
    WHEN 6 THEN RAISE(ABORT, 'guard:6')
    WHEN 7 THEN RAISE(ABORT, 'guard:7')
    WHEN 8 THEN RAISE(ABORT, 'guard:8')
    WHEN 9 THEN RAISE(ABORT, 'guard:9')
    WHEN 10 THEN RAISE(ABORT, 'guard:10')
    WHEN 11 THEN RAISE(ABORT, 'guard:11')
    WHEN 12 THEN RAISE(ABORT, 'guard:12')
    WHEN 13 THEN RAISE(ABORT, 'guard:13')
    WHEN 14 THEN RAISE(ABORT, 'guard:14')
    WHEN 15 THEN RAISE(ABORT, 'guard:15')
    WHEN 16 THEN RAISE(ABORT, 'guard:16')
    WHEN 17 THEN RAISE(ABORT, 'guard:17')
    WHEN 18 THEN RAISE(ABORT, 'guard:18')
    WHEN 19 THEN RAISE(ABORT, 'guard:19')
    WHEN 20 THEN RAISE(ABORT, 'guard:20')
    WHEN 21 THEN RAISE(ABORT, 'guard:21')
    WHEN 22 THEN RAISE(ABORT, 'guard:22')
    WHEN 23 THEN RAISE(ABORT, 'guard:23')
    WHEN 24 THEN RAISE(ABORT, 'guard:24')
    WHEN 25 THEN RAISE(ABORT, 'guard:25')
    WHEN 26 THEN RAISE(ABORT, 'guard:26')
    WHEN 27 THEN RAISE(ABORT, 'guard:27')
    WHEN 28 THEN RAISE(ABORT, 'guard:28')
    WHEN 29 THEN RAISE(ABORT, 'guard:29')
    WHEN 30 THEN RAISE(ABORT, 'guard:30')
    WHEN 31 THEN RAISE(ABORT, 'guard:31')
    WHEN 'insufficient_points' THEN RAISE(ABORT, 'guard:insufficient_points')
    ELSE RAISE(ABORT, 'guard:unknown')
  END;
END;

DROP TRIGGER tasks_terminal;

CREATE TRIGGER tasks_terminal BEFORE UPDATE OF status, progress, data, error_code, error_message, attempt, lease, finished_at ON tasks
WHEN OLD.status IN ('success', 'error')
BEGIN
  SELECT RAISE(ABORT, 'guard:task_ended');
END;

-- A task is ended before it is deleted, and so announced by the trigger of all ends: texts stay out of SQL.
DROP TRIGGER tasks_removed;

DROP TRIGGER announce;

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
        'status', t.status,
        'progress', t.progress,
        'data', json(iif(t.status = 'success', json_object('images', json((
          SELECT json_group_array(json_object(
            'id', json_extract(i.value, '$.id'),
            'url', t.origin || json_extract(i.value, '$.url'),
            'width', json_extract(i.value, '$.width'),
            'height', json_extract(i.value, '$.height'),
            'seed', json_extract(i.value, '$.seed')))
          FROM json_each(t.data, '$.images') i))), '{}')),
        'error', json(iif(t.error_code IS NULL, 'null', json_object('code', t.error_code, 'message', t.error_message))),
        'cost', t.cost,
        'attempt', t.attempt,
        'task_no', t.task_no,
        'created_at', strftime('%Y-%m-%dT%H:%M:%fZ', t.created_at / 1000.0, 'unixepoch'),
        'finished_at', iif(NEW.type IN ('task.created', 'task.started'), NULL,
          strftime('%Y-%m-%dT%H:%M:%fZ', coalesce(t.finished_at, NEW.at) / 1000.0, 'unixepoch')))),
    NEW.at
  FROM tasks t WHERE t.id = NEW.task_id;
END;

ALTER TABLE attempts RENAME TO rate_limits;

DROP INDEX attempts_until;

CREATE INDEX rate_limits_until ON rate_limits (until);
