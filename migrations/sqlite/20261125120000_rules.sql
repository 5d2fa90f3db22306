-- Rules of host groups: services, several consents, exceptions, stand-ins, swaps, and what probes say about a host.

-- A window can be put off beyond its quarter.
ALTER TABLE windows ADD COLUMN new_state TEXT NOT NULL DEFAULT 'unscheduled' CHECK (new_state IN ('unscheduled', 'proposed', 'approved', 'auto_approved', 'locked', 'running', 'completed', 'failed', 'missed',
    'needs_human', 'declined', 'deferred', 'cancelled'));
UPDATE windows SET new_state = state;
ALTER TABLE windows DROP COLUMN state;
ALTER TABLE windows RENAME COLUMN new_state TO state;

-- The consents to the present revision, while more are needed.
ALTER TABLE windows ADD COLUMN consents TEXT;
CREATE INDEX windows_by_start ON windows (starts_at, state);

-- The host group and the service as the rules name them; the program writes them with every change of a server.
ALTER TABLE servers ADD COLUMN group_key TEXT NOT NULL DEFAULT '';
ALTER TABLE servers ADD COLUMN service TEXT;
UPDATE servers SET group_key = LOWER(TRIM(COALESCE(host_group, ''))), service = attributes ->> 'service';
CREATE INDEX servers_by_group ON servers (group_key, LOWER(environment));
CREATE INDEX servers_by_service ON servers (service);

-- What the planner needs of a host's facts, without reading them all: the load in thousandths per CPU, and whether a
-- reboot was pending.
ALTER TABLE precheck_results ADD COLUMN load_milli INTEGER;
ALTER TABLE precheck_results ADD COLUMN reboot_pending INTEGER CHECK (reboot_pending IN (0, 1));
CREATE INDEX precheck_results_by_time ON precheck_results (taken_at);

-- The operating system a run was on: how long runs take there.
ALTER TABLE patch_history ADD COLUMN operating_system TEXT;
UPDATE patch_history SET operating_system = (SELECT LOWER(s.operating_system) FROM servers s WHERE s.id = patch_history.server_id);
CREATE INDEX patch_history_of_system ON patch_history (operating_system, state, started_at);

-- stand_ins: who decides for whom, and who is away, from when until when. Without a server it is about all of them;
-- without a stand-in somebody is only away.
CREATE TABLE stand_ins (
    id        BLOB PRIMARY KEY NOT NULL,
    person_id BLOB NOT NULL REFERENCES people (id),
    by_id     BLOB REFERENCES people (id),
    server_id BLOB REFERENCES servers (id),
    away      INTEGER CHECK (away IN (0, 1)) NOT NULL,
    starts_at TEXT NOT NULL,
    ends_at   TEXT NOT NULL,
    reason    TEXT,
    said_at   TEXT NOT NULL
) STRICT;
CREATE INDEX stand_ins_of_person ON stand_ins (person_id, ends_at);
CREATE INDEX stand_ins_by ON stand_ins (by_id, ends_at);

-- swaps: offers to trade the slots of two windows, each bound to the revisions that were shown.
CREATE TABLE swaps (
    id         BLOB PRIMARY KEY NOT NULL,
    window_a   BLOB NOT NULL REFERENCES windows (id),
    revision_a INTEGER NOT NULL,
    window_b   BLOB NOT NULL REFERENCES windows (id),
    revision_b INTEGER NOT NULL,
    asked_by   BLOB NOT NULL REFERENCES people (id),
    channel    TEXT NOT NULL,
    asked_at   TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    ended_at   TEXT
) STRICT;
CREATE INDEX swaps_of_window ON swaps (window_b, window_a);

-- exceptions: windows that are asked to be put off beyond their quarter, or are; each ends on its day.
CREATE TABLE exceptions (
    id         BLOB PRIMARY KEY NOT NULL,
    window_id  BLOB NOT NULL REFERENCES windows (id),
    ends_on    TEXT NOT NULL,
    reason     TEXT NOT NULL,
    asked_by   BLOB NOT NULL REFERENCES people (id),
    asked_at   TEXT NOT NULL,
    granted_by BLOB REFERENCES people (id),
    granted_at TEXT,
    ended_at   TEXT
) STRICT;
CREATE INDEX exceptions_of_window ON exceptions (window_id, asked_at);

-- locks: one row per thing that decisions must not pass each other on: a quarter's calendar, a service.
CREATE TABLE locks (
    name  TEXT PRIMARY KEY NOT NULL,
    count INTEGER NOT NULL
) STRICT;
