-- The first schema. Every statement that reads or writes it is in src/store/sql.

-- servers: the inventory.
CREATE TABLE servers (
    id               BLOB PRIMARY KEY NOT NULL,
    name             TEXT NOT NULL UNIQUE,
    zone             TEXT NOT NULL,
    host_group       TEXT,
    environment      TEXT,
    operating_system TEXT,
    address          TEXT,
    ssh_port         INTEGER,
    ssh_user         TEXT,
    jump             TEXT,
    host_key         TEXT,
    reboot           TEXT CHECK (reboot IN ('always', 'needed', 'never')),
    attributes       TEXT NOT NULL,
    active           INTEGER CHECK (active IN (0, 1)) NOT NULL,
    version          INTEGER NOT NULL,
    created_at       TEXT NOT NULL,
    updated_at       TEXT NOT NULL
) STRICT;

-- people: owners, operators, administrators.
CREATE TABLE people (
    id         BLOB PRIMARY KEY NOT NULL,
    name       TEXT NOT NULL,
    mail       TEXT UNIQUE,
    zone       TEXT,
    role       TEXT NOT NULL CHECK (role IN ('viewer', 'owner', 'operator', 'administrator')),
    created_at TEXT NOT NULL
) STRICT;

-- identities: how a person is recognised on a channel; only ids that never change.
CREATE TABLE identities (
    kind      TEXT NOT NULL CHECK (kind IN ('mail', 'slack', 'discord', 'terminal')),
    key       TEXT NOT NULL,
    person_id BLOB NOT NULL REFERENCES people (id),
    linked_at TEXT NOT NULL,
    PRIMARY KEY (kind, key)
) STRICT;
CREATE INDEX identities_of_person ON identities (person_id);

CREATE TABLE ownerships (
    server_id BLOB NOT NULL REFERENCES servers (id),
    rank      TEXT NOT NULL CHECK (rank IN ('primary', 'secondary')),
    person_id BLOB NOT NULL REFERENCES people (id),
    PRIMARY KEY (server_id, rank)
) STRICT;
CREATE INDEX ownerships_of_person ON ownerships (person_id);

-- windows: one server's patch slot in one quarter. `state` repeats what `state_data` says, for conditions and lists.
CREATE TABLE windows (
    id         BLOB PRIMARY KEY NOT NULL,
    server_id  BLOB NOT NULL REFERENCES servers (id),
    quarter    TEXT NOT NULL,
    revision   INTEGER NOT NULL,
    local_time TEXT,
    zone       TEXT,
    starts_at  TEXT,
    ends_at    TEXT,
    slot_hour  TEXT,
    state      TEXT NOT NULL CHECK (state IN ('unscheduled', 'proposed', 'approved', 'auto_approved', 'locked', 'running',
                   'completed', 'failed', 'missed', 'needs_human', 'declined', 'cancelled')),
    state_data TEXT NOT NULL,
    moves      INTEGER NOT NULL,
    crossed_by BLOB REFERENCES people (id),
    version    INTEGER NOT NULL,
    UNIQUE (server_id, quarter)
) STRICT;
CREATE INDEX windows_by_hour ON windows (slot_hour);
CREATE INDEX windows_by_quarter ON windows (quarter, starts_at);

-- decisions: every decision about a window, with the words it was taken in. `request` is the platform's name for the
-- request that led to it: one that is delivered a second time decides nothing.
CREATE TABLE decisions (
    id         BLOB PRIMARY KEY NOT NULL,
    window_id  BLOB NOT NULL REFERENCES windows (id),
    revision   INTEGER NOT NULL,
    person_id  BLOB REFERENCES people (id),
    decided_by TEXT NOT NULL,
    channel    TEXT NOT NULL,
    decided    TEXT NOT NULL,
    request    TEXT,
    words      TEXT,
    reason     TEXT,
    sentence   TEXT NOT NULL,
    decided_at TEXT NOT NULL,
    UNIQUE (window_id, request)
) STRICT;
CREATE INDEX decisions_of_window ON decisions (window_id, decided_at);

-- due: what the scheduler waits for, one row per window or owner that waits for something. A row is claimed by a lease;
-- every later write of the claimer demands the lease's epoch, so that a claimer who was overtaken writes nothing.
-- Rows are never deleted: epochs only grow. Without `due_at` a row waits for nothing. `event_at` is when the event was
-- meant to be; `due_at` is later when the work is tried again.
CREATE TABLE due (
    subject     TEXT NOT NULL CHECK (subject IN ('window', 'owner')),
    id          BLOB NOT NULL,
    quarter     TEXT NOT NULL,
    event       TEXT,
    due_at      TEXT,
    event_at    TEXT,
    lease_owner TEXT,
    lease_until TEXT,
    lease_epoch INTEGER NOT NULL,
    PRIMARY KEY (subject, id, quarter)
) STRICT;
CREATE INDEX due_by_time ON due (due_at);

-- patch_history: the runs. Who may write one is who holds the lease of its window's due row.
CREATE TABLE patch_history (
    id          BLOB PRIMARY KEY NOT NULL,
    window_id   BLOB NOT NULL REFERENCES windows (id),
    server_id   BLOB NOT NULL REFERENCES servers (id),
    revision    INTEGER NOT NULL,
    plan        TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('prechecking', 'applying', 'rebooting', 'validating', 'succeeded', 'failed',
                    'missed', 'needs_human')),
    state_data  TEXT NOT NULL,
    report      TEXT,
    started_at  TEXT NOT NULL,
    ended_at    TEXT,
    UNIQUE (window_id, revision)
) STRICT;
CREATE INDEX patch_history_of_server ON patch_history (server_id, started_at);

-- run_steps: written before a step's effect, and again after it.
CREATE TABLE run_steps (
    run_id     BLOB NOT NULL REFERENCES patch_history (id),
    number     INTEGER NOT NULL,
    step       TEXT NOT NULL CHECK (step IN ('precheck', 'apply', 'reboot', 'validate')),
    started_at TEXT NOT NULL,
    ended_at   TEXT,
    outcome    TEXT,
    PRIMARY KEY (run_id, number)
) STRICT;

-- precheck_results: facts taken from a host and what was found in them.
CREATE TABLE precheck_results (
    id        BLOB PRIMARY KEY NOT NULL,
    server_id BLOB NOT NULL REFERENCES servers (id),
    window_id BLOB REFERENCES windows (id),
    run_id    BLOB REFERENCES patch_history (id),
    purpose   TEXT NOT NULL CHECK (purpose IN ('precheck', 'before', 'after', 'probe')),
    taken_at  TEXT NOT NULL,
    blocked   INTEGER CHECK (blocked IN (0, 1)) NOT NULL,
    findings  TEXT NOT NULL,
    facts     TEXT
) STRICT;
CREATE INDEX precheck_results_of_server ON precheck_results (server_id, taken_at);
CREATE INDEX precheck_results_of_run ON precheck_results (run_id);

-- notifications: the outbox. One row per message and recipient; `dedupe_key` makes saying it twice impossible.
CREATE TABLE notifications (
    id          BLOB PRIMARY KEY NOT NULL,
    medium      TEXT NOT NULL CHECK (medium IN ('mail', 'slack', 'discord')),
    recipient   TEXT NOT NULL,
    kind        TEXT NOT NULL,
    person_id   BLOB REFERENCES people (id),
    window_id   BLOB REFERENCES windows (id),
    dedupe_key  TEXT NOT NULL UNIQUE,
    payload     TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('waiting', 'sent', 'parked')),
    created_at  TEXT NOT NULL,
    not_before  TEXT NOT NULL,
    attempts    INTEGER NOT NULL,
    lease_owner TEXT,
    lease_until TEXT,
    lease_epoch INTEGER NOT NULL,
    sent_at     TEXT,
    message_id  TEXT,
    last_error  TEXT
) STRICT;
CREATE INDEX notifications_waiting ON notifications (state, not_before);

-- reply_tokens: what a reply to a notice may decide about. Only the hash of a token is kept.
CREATE TABLE reply_tokens (
    hash            TEXT PRIMARY KEY NOT NULL,
    person_id       BLOB NOT NULL REFERENCES people (id),
    notification_id BLOB NOT NULL REFERENCES notifications (id),
    lines           TEXT NOT NULL,
    expires_at      TEXT NOT NULL,
    used_at         TEXT,
    used_by         BLOB
) STRICT;

-- inbox: every mail that came in, raw, before anything else happens to it.
CREATE TABLE inbox (
    id          BLOB PRIMARY KEY NOT NULL,
    mailbox     TEXT NOT NULL,
    uidvalidity INTEGER NOT NULL,
    uid         INTEGER NOT NULL,
    message_id  TEXT,
    hash        TEXT NOT NULL UNIQUE,
    raw         BLOB NOT NULL,
    received_at TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('new', 'done')),
    not_before  TEXT NOT NULL,
    attempts    INTEGER NOT NULL,
    outcome     TEXT,
    reason      TEXT,
    sender      TEXT,
    person_id   BLOB REFERENCES people (id),
    closed_at   TEXT,
    lease_owner TEXT,
    lease_until TEXT,
    lease_epoch INTEGER NOT NULL,
    UNIQUE (mailbox, uidvalidity, uid)
) STRICT;
CREATE INDEX inbox_new ON inbox (state, not_before);

-- cards: the chat messages that show a window and are rewritten when it changes.
CREATE TABLE cards (
    platform   TEXT NOT NULL CHECK (platform IN ('slack', 'discord')),
    channel    TEXT NOT NULL,
    window_id  BLOB NOT NULL REFERENCES windows (id),
    message    TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (platform, channel, window_id)
) STRICT;
CREATE INDEX cards_of_window ON cards (window_id);

-- audit: what happened; append-only, each row's hash covers the row before it.
CREATE TABLE audit (
    seq       INTEGER PRIMARY KEY NOT NULL,
    at        TEXT NOT NULL,
    person_id BLOB REFERENCES people (id),
    actor     TEXT NOT NULL,
    channel   TEXT NOT NULL,
    what      TEXT NOT NULL,
    subject   TEXT NOT NULL,
    sentence  TEXT NOT NULL,
    words     TEXT,
    before    TEXT,
    after     TEXT,
    hash      TEXT NOT NULL
) STRICT;
CREATE INDEX audit_of_subject ON audit (subject, seq);

-- audit_head: the one row that appending to the audit goes through.
CREATE TABLE audit_head (
    id   INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
    seq  INTEGER NOT NULL,
    hash TEXT NOT NULL
) STRICT;
INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, '');

-- configuration: facts about this installation that must outlive a restart.
CREATE TABLE configuration (
    key        TEXT PRIMARY KEY NOT NULL,
    value      TEXT NOT NULL,
    updated_at TEXT NOT NULL
) STRICT;
