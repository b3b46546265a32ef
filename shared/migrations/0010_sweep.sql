CREATE INDEX sessions_expires ON sessions (expires_at);

CREATE INDEX tickets_expires ON tickets (expires_at);

CREATE INDEX webhooks_idle ON webhooks (updated_at) WHERE standing = 0;
