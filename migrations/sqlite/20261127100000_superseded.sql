-- A request or a reminder that waited until it was not true any more is not sent.
ALTER TABLE notifications ADD COLUMN new_state TEXT NOT NULL DEFAULT 'waiting' CHECK (new_state IN ('waiting', 'sent', 'parked', 'superseded'));
UPDATE notifications SET new_state = state;
DROP INDEX notifications_waiting;
ALTER TABLE notifications DROP COLUMN state;
ALTER TABLE notifications RENAME COLUMN new_state TO state;
CREATE INDEX notifications_waiting ON notifications (state, not_before);
