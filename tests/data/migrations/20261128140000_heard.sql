-- A click that was answered, and what it came to.
INSERT INTO heard (id, platform, key, account, said, heard_at, acknowledged, attempts, answered_at, lease_owner, lease_until)
    VALUES ('01a20eba-6000-73e4-b5e0-8ba3cafe5510', 'discord', '1170000000000000009', '80351110224678912', NULL, '2026-11-06T09:46:00.000000+00:00', TRUE, 0, '2026-11-06T09:46:00.412000+00:00', NULL, NULL);
INSERT INTO answers (request, answer, answered_at)
    VALUES ('discord 1170000000000000009 1', '{"verdict":"done","lines":["web01 is approved."],"next":[]}', '2026-11-06T09:46:00.398000+00:00');
