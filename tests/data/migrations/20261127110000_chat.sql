-- A code that was asked for, a dangerous act that two people agreed to, what it let through and stopped, and what chat keeps.
INSERT INTO introductions (id, hash, kind, key, person_id, made_at, tries)
    VALUES ('01a20eba-6000-73e4-b5e0-8ba3cafe5501', 'c0ffee', 'discord', '80351110224678912', '01a20eba-222d-7695-aa22-56de45426382', '2026-11-06T09:30:00.000000+00:00', 1);
INSERT INTO requests (id, code, verb, window_id, revision, asked_by, asked_name, channel, reason, stage, ended_by, asked_at, expires_at, version)
    VALUES ('01a20eba-6000-73e4-b5e0-8ba3cafe5502', '7F3K', 'override', '01a20eba-223c-7378-a5f8-c41a87645b6d', 1, '01a20eba-2219-74a7-b3bf-638e92a0da79', 'olga@patchbot.test', 'slack', 'the full disk is /srv', 'done', 'ada@owners.test', '2026-11-12T15:00:00.000000+00:00', '2026-11-12T17:00:00.000000+00:00', 2);
INSERT INTO overrides (window_id, revision, request_id)
    VALUES ('01a20eba-223c-7378-a5f8-c41a87645b6d', 1, '01a20eba-6000-73e4-b5e0-8ba3cafe5502');
INSERT INTO run_stops (run_id, request_id)
    VALUES ('01a20eba-5220-7213-9123-b00df87b311c', '01a20eba-6000-73e4-b5e0-8ba3cafe5502');
INSERT INTO habits (person_id, quiet_from, quiet_to)
    VALUES ('01a20eba-222d-7695-aa22-56dd2c8344eb', '22:00', '07:00');
INSERT INTO chat_waits (platform, channel, until)
    VALUES ('slack', 'C00000003', '2026-11-12T20:00:07.000000+00:00');
INSERT INTO boards (platform, channel, night, message, shows, updated_at)
    VALUES ('slack', 'C00000003', '2026-11-12', 'C00000003/1795543412.485999', '✅ Night of Thu 12 Nov 2026: 3 servers', '2026-11-12T23:00:00.000000+00:00');
INSERT INTO cards (platform, channel, window_id, message, line, revision, thread, updated_at)
    VALUES ('discord', '@80351110224678912', '01a20eba-223c-7378-a5f8-c41a87645b6d', '1170000000000000001/1170000000000000002', 1, 1, '1170000000000000003', '2026-11-06T09:31:00.000000+00:00');
