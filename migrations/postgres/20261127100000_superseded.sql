-- A request or a reminder that waited until it was not true any more is not sent.
ALTER TABLE notifications DROP CONSTRAINT notifications_state_check;
ALTER TABLE notifications ADD CONSTRAINT notifications_state_check CHECK (state IN ('waiting', 'sent', 'parked', 'superseded'));
