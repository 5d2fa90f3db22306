"""Reads the calendar entries of a mail with two calendar libraries, and prints what each of them found."""

import email
import email.policy
import sys

import icalendar
import vobject

mail = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
for part in mail.walk():
    if part.get_content_type() != "text/calendar":
        continue
    text = part.get_content()
    calendar = icalendar.Calendar.from_ical(text)
    for event in calendar.walk("VEVENT"):
        assert not event.errors, event.errors
        print(
            "icalendar", part.get_param("method"), calendar["METHOD"], event["UID"], event["SEQUENCE"], event["STATUS"],
            event["DTSTART"].dt.isoformat(), event["DTEND"].dt.isoformat(), event["ATTENDEE"], event["ORGANIZER"],
        )
    calendar = vobject.readOne(text)
    event = calendar.vevent
    event.validate(raiseException=True)
    print(
        "vobject", part.get_param("method"), calendar.method.value, event.uid.value, event.sequence.value, event.status.value,
        event.dtstart.value.isoformat(), event.dtend.value.isoformat(), event.attendee.value, event.organizer.value,
    )
