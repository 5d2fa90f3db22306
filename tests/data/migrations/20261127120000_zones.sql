-- A host that keeps another time than the inventory says.
INSERT INTO zone_checks (server_id, checked_at, declared, verdict, witness, skew_seconds, sentence)
    VALUES ('01a20eba-222d-7695-aa22-56d96529cda5', '2026-11-06T09:00:05.436650+00:00', 'Europe/Berlin', 'contradicted', 'snmp', -3, 'the host has UTC-05:00 (SNMP), declared is Europe/Berlin (UTC+01:00)');
