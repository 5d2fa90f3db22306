"""Strips every mail of a folder, many times: strip.py FOLDER ROUNDS email_reply_parser|mail-parser-reply text|mail

Of "text" the decoded texts are stripped and nothing else is measured; of "mail" the raw mails are read with Python's own
email package first. Prints seconds, CPU seconds, megabytes, and the texts of which nothing but the answer is left (the
first line of FILE.txt.said).
"""

import email
import pathlib
import resource
import sys
import time

folder, rounds, which, of = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
files = sorted(folder.glob("*.txt"))
texts = [path.read_text() for path in files]
mails = [path.with_suffix(".eml").read_bytes() for path in files]
said = [path.with_suffix(".txt.said").read_text().strip() for path in files]
if which == "email_reply_parser":
    from email_reply_parser import EmailReplyParser

    strip = EmailReplyParser.parse_reply
else:
    from mailparser_reply import EmailReplyParser

    languages = "en de fr es it pt nl pl cs da sv ja ko zh".split()
    parser = EmailReplyParser(languages=languages)

    def strip(text):
        return parser.parse_reply(text=text)


def read(mail):
    parts = [part for part in email.message_from_bytes(mail).walk() if part.get_content_maintype() == "text"]
    part = next((part for part in parts if part.get_content_subtype() == "plain"), parts[0])
    raw, charset = part.get_payload(decode=True), part.get_content_charset("utf-8")
    try:
        return raw.decode(charset, "replace")
    except LookupError:  # A charset that Python does not know.
        return raw.decode("latin-1")


def each():
    return map(read, mails) if of == "mail" else texts


begin, cpu = time.perf_counter(), time.process_time()
for _ in range(rounds):
    stripped = [strip(text) or "" for text in each()]
seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
words = lambda text: " ".join(text.split())
right = sum(words(left) == words(right) for left, right in zip(stripped, said))
print(seconds, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, right)
