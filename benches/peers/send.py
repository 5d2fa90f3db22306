"""Sends every file of a folder with smtplib: send.py HOST PORT FOLDER each|CONNECTIONS

each opens a connection for each mail; a number is of connections that share the mails, a thread each. Prints seconds, CPU
seconds, and megabytes.
"""

import pathlib
import resource
import smtplib
import sys
import threading
import time

host, port, folder, how = sys.argv[1], int(sys.argv[2]), pathlib.Path(sys.argv[3]), sys.argv[4]
mails = [path.read_bytes() for path in sorted(folder.glob("*.eml"))]
begin, cpu = time.perf_counter(), time.process_time()
if how == "each":
    for mail in mails:
        with smtplib.SMTP(host, port) as server:
            server.sendmail("bot@patchbot.test", ["ada@owners.test"], mail)
else:

    def send(share):
        with smtplib.SMTP(host, port) as server:
            for mail in share:
                server.sendmail("bot@patchbot.test", ["ada@owners.test"], mail)

    threads = [threading.Thread(target=send, args=(mails[nth :: int(how)],)) for nth in range(int(how))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
print(time.perf_counter() - begin, time.process_time() - cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
