-- An override that names what it lets pass.
INSERT INTO requests (id, code, verb, window_id, revision, asked_by, asked_name, channel, reason, stage, ended_by, asked_at, expires_at, version, checks)
    VALUES ('01a20eba-6000-73e4-b5e0-8ba3cafe5509', 'K9WM', 'override', '01a20eba-223c-7378-a5f8-c41a87645b6d', 1, '01a20eba-2219-74a7-b3bf-638e92a0da79', 'olga@patchbot.test', 'slack', 'the full disk is /srv', 'cancelled', 'olga@patchbot.test', '2026-11-12T16:00:00.000000+00:00', '2026-11-12T18:00:00.000000+00:00', 1, 'disk /srv');
