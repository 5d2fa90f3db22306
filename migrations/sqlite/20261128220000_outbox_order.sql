-- What waits is claimed in its order: with a big send waiting, each claim read and sorted all of it.
DROP INDEX notifications_waiting;
CREATE INDEX notifications_waiting ON notifications (state, medium, not_before, id);
