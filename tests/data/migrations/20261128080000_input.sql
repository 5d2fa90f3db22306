-- A line that says which mail it is about.
INSERT INTO audit (seq, at, person_id, actor, channel, what, subject, sentence, words, before, after, hash, input)
    VALUES (6, '2026-11-06T09:45:00.000000+00:00', NULL, 'an unknown sender', 'mail', 'mail_ignored', 'mail', 'It is an automatic answer.', NULL, NULL, NULL, '65a6fa3f4a74d91f90e8cea3a398830e826b7dbafe7f82e4b0cfafad7f862f5c', 'sha256 213fff0d01adac23a486f7fbd5ca4d95a266770ac39c7f1270c78c0ee6dc39a4');
UPDATE audit_head SET seq = 6, hash = '65a6fa3f4a74d91f90e8cea3a398830e826b7dbafe7f82e4b0cfafad7f862f5c' WHERE id = 1;
