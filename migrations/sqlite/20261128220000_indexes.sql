-- What waits is claimed in its order: with a big send waiting, each claim read and sorted all of it.
DROP INDEX notifications_waiting;
CREATE INDEX notifications_waiting ON notifications (state, medium, not_before, id);
-- Which of a notice's tokens was used is asked with each reply.
CREATE INDEX reply_tokens_notice ON reply_tokens (notification_id);
-- Before silence approves a window, what was shown to its owners and who was not heard is looked for.
CREATE INDEX reply_tokens_person ON reply_tokens (person_id);
CREATE INDEX inbox_outcome ON inbox (outcome, received_at);
