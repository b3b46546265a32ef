-- What holds in the database whatever has happened to runners and edges. Each query yields the rows that break its
-- rule, so none when it holds. They are separated by empty lines and named in their first line. Asked of histories in
-- memory (shared/edge/tests/histories) and of what `cargo xtask chaos` leaves. ?1 is now, ?2 how long past its deadline
-- a task may be.

-- balances sum to 0
SELECT sum(balance) FROM accounts HAVING sum(balance) <> 0

-- no balance is negative but the mint's
SELECT id, balance FROM accounts WHERE balance < 0 AND id <> -1

-- a balance is the replay of its entries
SELECT a.id, a.balance, r.balance FROM accounts a LEFT JOIN (
  SELECT account, sum(amount) AS balance FROM (
    SELECT debit AS account, -amount AS amount FROM entries UNION ALL SELECT credit, amount FROM entries
  ) GROUP BY account
) r ON r.account = a.id WHERE a.balance <> coalesce(r.balance, 0)

-- what grants have left is the balance
SELECT a.id, a.balance, g.remaining FROM accounts a LEFT JOIN (
  SELECT user_id, sum(remaining) AS remaining FROM grants GROUP BY user_id
) g ON g.user_id = a.id WHERE a.id > 0 AND a.balance <> coalesce(g.remaining, 0)

-- escrow is the sum of the open holds
SELECT a.balance, h.amount FROM accounts a, (
  SELECT coalesce(sum(amount), 0) AS amount FROM holds WHERE task_id NOT IN (SELECT task_id FROM closings)
) h WHERE a.id = -2 AND a.balance <> h.amount

-- a task has one hold, of its cost
SELECT t.id, t.cost, h.amount FROM tasks t LEFT JOIN holds h ON h.task_id = t.id
WHERE h.task_id IS NULL OR h.amount <> t.cost OR h.user_id <> t.user_id

-- a hold is the sum of its parts
SELECT h.task_id, h.amount, sum(p.amount) FROM holds h LEFT JOIN hold_parts p ON p.task_id = h.task_id
GROUP BY h.task_id HAVING h.amount <> coalesce(sum(p.amount), 0)

-- a task has ended when its hold is closed, and not before
SELECT h.task_id, t.status, c.outcome FROM holds h LEFT JOIN tasks t ON t.id = h.task_id
LEFT JOIN closings c ON c.task_id = h.task_id
WHERE (coalesce(t.status, 'gone') IN ('success', 'error', 'gone')) <> (c.task_id IS NOT NULL)

-- success takes the points, anything else gives them back
SELECT t.id, t.status, c.outcome FROM tasks t JOIN closings c ON c.task_id = t.id
WHERE (t.status = 'success') <> (c.outcome = 'captured')

-- a hold is booked once, and so is its end
SELECT h.task_id, h.amount, c.outcome, e.held, e.captured, e.voided FROM holds h LEFT JOIN closings c ON c.task_id = h.task_id
LEFT JOIN (
  SELECT task_id, group_concat(iif(kind = 'hold', amount, NULL)) AS held,
    group_concat(iif(kind = 'capture', amount, NULL)) AS captured, group_concat(iif(kind = 'void', amount, NULL)) AS voided
  FROM entries WHERE task_id IS NOT NULL GROUP BY task_id
) e ON e.task_id = h.task_id
WHERE h.amount > 0 AND (e.held IS NOT CAST(h.amount AS TEXT)
  OR e.captured IS NOT iif(c.outcome = 'captured', CAST(h.amount AS TEXT), NULL)
  OR e.voided IS NOT iif(c.outcome = 'voided', CAST(h.amount AS TEXT), NULL))

-- at most one live lease
SELECT group_concat(id), lease, count(*) FROM tasks WHERE lease IS NOT NULL GROUP BY lease HAVING count(*) > 1
UNION ALL SELECT id, lease, status FROM tasks WHERE (lease IS NOT NULL) <> (status = 'running')

-- a picture is of the attempt that won
SELECT i.id, i.key, t.status, t.attempt FROM images i JOIN tasks t ON t.id = i.task_id
WHERE t.status <> 'success' OR i.key NOT GLOB printf('out/%d/%d/*', t.id, t.attempt)

-- the pictures of a task are of one attempt
SELECT task, count(DISTINCT attempt) FROM (
  SELECT substr(rest, 1, instr(rest, '/') - 1) AS task, CAST(substr(rest, instr(rest, '/') + 1) AS INTEGER) AS attempt
  FROM (SELECT substr(key, 5) AS rest FROM images WHERE key GLOB 'out/*')
) GROUP BY task HAVING count(DISTINCT attempt) > 1

-- a success has the pictures asked for
SELECT id FROM tasks WHERE status = 'success' AND type = 'inference'
AND json_array_length(data, '$.images') IS NOT json_extract(params, '$.n')

-- a model is trained when its training is a success, by the attempt that won
SELECT t.id, t.status, t.attempt, m.status, m.key FROM tasks t JOIN models m ON m.id = t.model_id
WHERE t.type = 'training' AND ((t.status = 'success') <> (m.status = 'success')
  OR t.status = 'success' AND m.key NOT GLOB printf('out/%d/%d/*', t.id, t.attempt))

-- what an ended task stored and did not keep is given up
SELECT o.key, t.status FROM task_objects o JOIN tasks t ON t.id = o.task_id WHERE t.finished_at IS NOT NULL

-- one body per event
SELECT event_id, count(*) FROM events GROUP BY event_id HAVING count(*) > 1

-- an end is announced once, as what it was
SELECT t.id, t.status, t.error_code, group_concat(e.type) FROM tasks t LEFT JOIN events e ON e.task_id = t.id AND e.ended = 1
GROUP BY t.id HAVING group_concat(e.type) IS NOT CASE WHEN t.status = 'success' THEN 'task.succeeded'
  WHEN t.error_code = 'canceled' THEN 'task.canceled' WHEN t.status = 'error' THEN 'task.failed' END

-- a key made one task, a task has one key
SELECT json_extract(response, '$.id'), count(*) FROM idempotency WHERE route LIKE '%/tasks%'
GROUP BY coalesce(json_extract(response, '$.id'), response) HAVING count(*) > 1

-- nothing is older than its deadline and what it takes to notice
SELECT id, status, deadline, finished_at FROM tasks WHERE coalesce(finished_at, ?1) > deadline + ?2

-- counters are the number of rows
SELECT c.resource, c.user_id, c.public, c.n, r.n FROM row_counts c LEFT JOIN (
  SELECT 'images' AS resource, user_id, public, count(*) AS n FROM images GROUP BY 2, 3
  UNION ALL SELECT 'images', 0, public, count(*) FROM images GROUP BY 3
  UNION ALL SELECT 'tasks', user_id, public, count(*) FROM tasks GROUP BY 2, 3
  UNION ALL SELECT 'tasks', 0, public, count(*) FROM tasks GROUP BY 3
) r ON r.resource = c.resource AND r.user_id = c.user_id AND r.public = c.public
WHERE c.resource IN ('images', 'tasks') AND c.n <> coalesce(r.n, 0)

-- no row is left uncounted
SELECT i.id FROM images i WHERE NOT EXISTS (SELECT 1 FROM row_counts WHERE resource = 'images' AND user_id = i.user_id
  AND public = i.public AND n > 0)

-- tags' counters are the number of images
SELECT c.tag_id, c.user_id, c.public, c.n FROM tag_counts c WHERE c.n <> (SELECT count(*) FROM image_tags x
  JOIN images i ON i.id = x.image_id WHERE x.tag_id = c.tag_id AND i.public = c.public AND c.user_id IN (0, i.user_id))

-- a tag's uses are its public images
SELECT t.id, t.uses FROM tags t WHERE t.uses <> (SELECT count(*) FROM image_tags x JOIN images i ON i.id = x.image_id
  WHERE x.tag_id = t.id AND i.public = 1)

-- the counts of a choice are those of its images
WITH seen AS (
  SELECT choice_id, viewer, count(*) AS images FROM (
    SELECT x.choice_id, iif(i.public = 1, 0, i.user_id) AS viewer FROM choice_images x JOIN images i ON i.id = x.image_id
    UNION ALL SELECT choice_id, -1 FROM choice_images
  ) GROUP BY choice_id, viewer
)
SELECT * FROM (SELECT * FROM seen EXCEPT SELECT choice_id, viewer, images FROM choice_counts)
UNION ALL SELECT * FROM (SELECT choice_id, viewer, images FROM choice_counts WHERE images > 0 EXCEPT SELECT * FROM seen)
