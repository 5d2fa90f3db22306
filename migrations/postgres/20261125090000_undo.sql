-- What a window was before a decision, and its version after it: what undoing the decision needs.
ALTER TABLE decisions ADD COLUMN before JSONB;
ALTER TABLE decisions ADD COLUMN version BIGINT;
