-- Chat: codes that link accounts, dangerous acts that wait for a yes, reading habits, and what is shown where.

-- introductions: codes that are mailed to link an account, one row per mail that was asked for. Only the hash of a code
-- is kept, and it is made when the mail leaves. Without a person nobody is known under the address, and no mail leaves.
CREATE TABLE introductions (
    id        BLOB PRIMARY KEY NOT NULL,
    hash      TEXT UNIQUE,
    kind      TEXT NOT NULL CHECK (kind IN ('slack', 'discord')),
    key       TEXT NOT NULL,
    person_id BLOB REFERENCES people (id),
    made_at   TEXT NOT NULL,
    tries     INTEGER NOT NULL
) STRICT;
CREATE INDEX introductions_of_account ON introductions (kind, key);
CREATE INDEX introductions_of_person ON introductions (person_id, made_at);

-- requests: dangerous acts that were asked for, and who agreed.
CREATE TABLE requests (
    id         BLOB PRIMARY KEY NOT NULL,
    code       TEXT NOT NULL UNIQUE,
    verb       TEXT NOT NULL CHECK (verb IN ('now', 'override', 'abort', 'skip', 'retry')),
    window_id  BLOB NOT NULL REFERENCES windows (id),
    revision   INTEGER NOT NULL,
    asked_by   BLOB NOT NULL REFERENCES people (id),
    asked_name TEXT NOT NULL,
    channel    TEXT NOT NULL,
    reason     TEXT NOT NULL,
    stage      TEXT NOT NULL CHECK (stage IN ('asked', 'confirmed', 'done', 'cancelled')),
    ended_by   TEXT,
    asked_at   TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    version    INTEGER NOT NULL
) STRICT;

-- overrides: plans whose run may pass a blocking pre-check.
CREATE TABLE overrides (
    window_id  BLOB NOT NULL REFERENCES windows (id),
    revision   INTEGER NOT NULL,
    request_id BLOB NOT NULL REFERENCES requests (id),
    PRIMARY KEY (window_id, revision)
) STRICT;

-- run_stops: runs that are to begin nothing more.
CREATE TABLE run_stops (
    run_id     BLOB PRIMARY KEY NOT NULL REFERENCES patch_history (id),
    request_id BLOB NOT NULL REFERENCES requests (id)
) STRICT;

-- habits: how somebody wants to be written to in chat.
CREATE TABLE habits (
    person_id  BLOB PRIMARY KEY NOT NULL REFERENCES people (id),
    quiet_from TEXT,
    quiet_to   TEXT
) STRICT;

-- chat_waits: channels that a platform asked us to leave alone for a while.
CREATE TABLE chat_waits (
    platform TEXT NOT NULL CHECK (platform IN ('slack', 'discord')),
    channel  TEXT NOT NULL,
    until    TEXT NOT NULL,
    PRIMARY KEY (platform, channel)
) STRICT;

-- boards: the message that tells a night, per channel.
CREATE TABLE boards (
    platform   TEXT NOT NULL CHECK (platform IN ('slack', 'discord')),
    channel    TEXT NOT NULL,
    night      TEXT NOT NULL,
    message    TEXT NOT NULL,
    shows      TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (platform, channel, night)
) STRICT;

-- A card that shows several windows has a line for each; `revision` is the plan that was drawn, and `thread` is where
-- the window's story is told, when that has an id of its own.
ALTER TABLE cards ADD COLUMN line INTEGER;
ALTER TABLE cards ADD COLUMN revision INTEGER;
ALTER TABLE cards ADD COLUMN thread TEXT;
CREATE INDEX cards_by_message ON cards (platform, message);
