-- Notifications: each user's newest ones, and which have been read.

CREATE TABLE rtprop.notification (
    id          text PRIMARY KEY,
    version     bigint NOT NULL,
    value       text NOT NULL,
    ops         bigint[] NOT NULL,
    changed     timestamptz NOT NULL,
    expires     timestamptz
) WITH (fillfactor = 70);

COMMENT ON COLUMN rtprop.notification.id IS 'Of the user';

SELECT rtprop.make_document('notification');
