"""Strips every text of a folder, many times: strip.py FOLDER ROUNDS email_reply_parser|mail-parser-reply

The texts are decoded already, so that only stripping is measured. Prints seconds, CPU seconds, megabytes, and the texts of
which nothing but the answer is left (the first line of FILE.txt.said).
"""

import pathlib
import resource
import sys
import time

folder, rounds, which = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
files = sorted(folder.glob("*.txt"))
texts = [path.read_text() for path in files]
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


begin, cpu = time.perf_counter(), time.process_time()
for _ in range(rounds):
    stripped = [strip(text) or "" for text in texts]
seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
words = lambda text: " ".join(text.split())
right = sum(words(left) == words(right) for left, right in zip(stripped, said))
print(seconds, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, right)
