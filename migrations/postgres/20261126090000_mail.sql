-- What is known about reaching people by mail, and what the reading of each mail came to.

-- reachability: a person whose mail came back, or who is away. It decides nothing: it only has others told as well.
CREATE TABLE reachability (
    person_id         UUID PRIMARY KEY NOT NULL REFERENCES people (id),
    unreachable_since TIMESTAMPTZ,
    unreachable_why   TEXT,
    away_until        TIMESTAMPTZ,
    updated_at        TIMESTAMPTZ NOT NULL
);

-- The stage that a mail's reading ended at, and the signature (or words) by which the same mail is known again.
ALTER TABLE inbox ADD COLUMN stage TEXT;
ALTER TABLE inbox ADD COLUMN fingerprint TEXT;
CREATE UNIQUE INDEX inbox_fingerprint ON inbox (fingerprint);
CREATE INDEX inbox_closed ON inbox (closed_at);
UPDATE inbox SET outcome = 'accepted' WHERE outcome = 'executed';
UPDATE inbox SET outcome = 'clarify' WHERE outcome = 'asked_back';
UPDATE inbox SET outcome = 'rejected' WHERE outcome = 'refused';

-- The commands that a mail asks to be confirmed.
ALTER TABLE reply_tokens ADD COLUMN confirms JSONB;
