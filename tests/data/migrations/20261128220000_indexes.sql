-- A mail whose turn has not come.
INSERT INTO notifications (id, medium, recipient, kind, person_id, window_id, dedupe_key, payload, state, created_at, not_before, attempts, lease_owner, lease_until, lease_epoch, sent_at, message_id, last_error)
    SELECT '01a20eba-2e81-7796-9daf-d7727f298312', medium, recipient, kind, person_id, window_id, 'mail/waiting', payload, 'waiting', created_at, not_before, 0, NULL, NULL, 0, NULL, NULL,
        NULL FROM notifications WHERE dedupe_key = 'mail/superseded';
