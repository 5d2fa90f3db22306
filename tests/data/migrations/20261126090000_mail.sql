-- Somebody whose mail comes back, and a mail that is known by its signature.
INSERT INTO reachability (person_id, unreachable_since, unreachable_why, away_until, updated_at)
    VALUES ('01a20eba-222d-7695-aa22-56dd2c8344eb', '2026-11-06T09:00:05.436650+00:00', '550 5.1.1 User unknown', NULL, '2026-11-06T09:00:05.436650+00:00');
UPDATE inbox SET stage = 'decision', fingerprint = 'dkim:5994471abb01112afcc18159f6cc74b4f511b99806da59b3caf5a9c173cacfc5';
