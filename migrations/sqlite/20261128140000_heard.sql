-- What was said in chat, written down before the platform is told that it was heard: a process that is killed loses none.

-- heard: one row per click, command or message; `key` is the platform's name for it. `said` holds what is needed to answer
-- it, with the address for the answer, which is a secret that is good for minutes: it goes when the answer is out, and
-- only the key stays for a while, so that the same is known again. `acknowledged` tells whether the platform was told that
-- it was heard; where it was not, the platform itself has told the person that it failed.
CREATE TABLE heard (
    id           BLOB PRIMARY KEY NOT NULL,
    platform     TEXT NOT NULL CHECK (platform IN ('slack', 'discord')),
    key          TEXT NOT NULL,
    account      TEXT NOT NULL,
    said         TEXT,
    heard_at     TEXT NOT NULL,
    acknowledged INTEGER CHECK (acknowledged IN (0, 1)) NOT NULL,
    attempts     INTEGER NOT NULL,
    answered_at  TEXT,
    lease_owner  TEXT,
    lease_until  TEXT,
    UNIQUE (platform, key)
) STRICT;
CREATE INDEX heard_open ON heard (platform, heard_at) WHERE answered_at IS NULL;

-- answers: what a request came to that changed something, kept in the transaction of the change: the same request again is
-- answered with it and changes nothing.
CREATE TABLE answers (
    request     TEXT PRIMARY KEY NOT NULL,
    answer      TEXT NOT NULL,
    answered_at TEXT NOT NULL
) STRICT;
