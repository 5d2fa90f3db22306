-- A stand-in, an offer to swap, an exception, a lock, and what they are about.
INSERT INTO stand_ins (id, person_id, by_id, server_id, away, starts_at, ends_at, reason, said_at)
    VALUES ('01a20eba-7001-73e4-b5e0-8ba3cafe5501', '01a20eba-222d-7695-aa22-56dd2c8344eb', '01a20eba-222d-7695-aa22-56de45426382', NULL, TRUE, '2026-11-06T09:00:05.436650+00:00', '2026-11-20T23:00:00+00:00', 'holiday', '2026-11-06T09:00:05.436650+00:00');
INSERT INTO swaps (id, window_a, revision_a, window_b, revision_b, asked_by, channel, asked_at, expires_at, ended_at)
    VALUES ('01a20eba-7002-73e4-b5e0-8ba3cafe5502', '01a20eba-223c-7378-a5f8-c41a87645b6d', 1, '01a20eba-223c-7378-a5f8-c41a87645b6d', 1, '01a20eba-222d-7695-aa22-56dd2c8344eb', 'mail', '2026-11-06T09:00:05.436650+00:00', '2026-11-08T09:00:05.436650+00:00', '2026-11-06T10:00:00+00:00');
INSERT INTO exceptions (id, window_id, ends_on, reason, asked_by, asked_at, granted_by, granted_at, ended_at)
    VALUES ('01a20eba-7003-73e4-b5e0-8ba3cafe5503', '01a20eba-223c-7378-a5f8-c41a87645b6d', '2027-02-15', 'the vendor certifies it in February', '01a20eba-222d-7695-aa22-56dd2c8344eb', '2026-11-06T09:00:05.436650+00:00', '01a20eba-2219-74a7-b3bf-638e92a0da79', '2026-11-06T11:00:00+00:00', '2026-11-06T12:00:00+00:00');
INSERT INTO locks (name, count) VALUES ('calendar/2027-Q1', 1);
