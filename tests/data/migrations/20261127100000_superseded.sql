-- A notice that was not sent, because its windows had moved before the mail server answered again.
INSERT INTO notifications (id, medium, recipient, kind, person_id, window_id, dedupe_key, payload, state, created_at, not_before, attempts, lease_owner, lease_until, lease_epoch, sent_at, message_id, last_error)
    SELECT '01a20eba-2e81-7796-9daf-d7727f298311', medium, recipient, kind, person_id, window_id, 'mail/superseded', payload, 'superseded', created_at, not_before, 3, NULL, NULL, 3, NULL, NULL,
        'The plan of app01 was changed after this was written.' FROM notifications WHERE kind = 'monthly_notice';
