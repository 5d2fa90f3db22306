-- zone_checks: what a host last told of its zone and clock, beside what the inventory declares. It blocks nothing.
CREATE TABLE zone_checks (
    server_id    BLOB PRIMARY KEY NOT NULL REFERENCES servers (id),
    checked_at   TEXT NOT NULL,
    declared     TEXT NOT NULL,
    verdict      TEXT NOT NULL CHECK (verdict IN ('confirmed', 'contradicted', 'unknown')),
    witness      TEXT CHECK (witness IN ('snmp', 'timedatectl', 'etc_timezone', 'localtime_link', 'date')),
    skew_seconds INTEGER,
    sentence     TEXT NOT NULL
) STRICT;
