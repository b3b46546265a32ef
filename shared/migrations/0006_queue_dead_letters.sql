-- Messages whose retries are used up: few, and asked for by every pull. 3 is the number of retries there are.
CREATE INDEX queue_messages_exhausted ON queue_messages (queue) WHERE attempts > 3;

-- The oldest message of a queue comes first here.
CREATE INDEX queue_messages_age ON queue_messages (queue, position);

-- How much each queue holds, kept by the triggers below: counting takes longer the more there is to count.
CREATE TABLE queue_backlogs (
  queue TEXT PRIMARY KEY,
  messages INTEGER NOT NULL CHECK (messages >= 0),
  bytes INTEGER NOT NULL CHECK (bytes >= 0)
) STRICT;

INSERT INTO queue_backlogs (queue, messages, bytes)
SELECT queue, count(*), sum(length(CAST(body AS BLOB))) FROM queue_messages GROUP BY queue;

CREATE TRIGGER queue_messages_pushed AFTER INSERT ON queue_messages
BEGIN
  INSERT INTO queue_backlogs (queue, messages, bytes) VALUES (new.queue, 1, length(CAST(new.body AS BLOB)))
  ON CONFLICT (queue) DO UPDATE SET messages = messages + 1, bytes = bytes + excluded.bytes;
END;

CREATE TRIGGER queue_messages_settled AFTER DELETE ON queue_messages
BEGIN
  UPDATE queue_backlogs SET messages = messages - 1, bytes = bytes - length(CAST(old.body AS BLOB))
  WHERE queue = old.queue;
END;

CREATE TRIGGER queue_messages_moved AFTER UPDATE OF queue ON queue_messages
BEGIN
  UPDATE queue_backlogs SET messages = messages - 1, bytes = bytes - length(CAST(old.body AS BLOB))
  WHERE queue = old.queue;
  INSERT INTO queue_backlogs (queue, messages, bytes) VALUES (new.queue, 1, length(CAST(new.body AS BLOB)))
  ON CONFLICT (queue) DO UPDATE SET messages = messages + 1, bytes = bytes + excluded.bytes;
END;
