"""Sends every file of a folder with smtplib: send.py HOST PORT FOLDER each|one

each opens a connection for each mail, one sends all of them over the same. Prints seconds, CPU seconds, and megabytes.
"""

import pathlib
import resource
import smtplib
import sys
import time

host, port, folder, how = sys.argv[1], int(sys.argv[2]), pathlib.Path(sys.argv[3]), sys.argv[4]
mails = [path.read_bytes() for path in sorted(folder.glob("*.eml"))]
begin, cpu = time.perf_counter(), time.process_time()
if how == "one":
    with smtplib.SMTP(host, port) as server:
        for mail in mails:
            server.sendmail("bot@patchbot.test", ["ada@owners.test"], mail)
else:
    for mail in mails:
        with smtplib.SMTP(host, port) as server:
            server.sendmail("bot@patchbot.test", ["ada@owners.test"], mail)
print(time.perf_counter() - begin, time.process_time() - cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
