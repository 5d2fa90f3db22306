"""What a schedule that is kept in a CSV file costs: inventory.py load|records|step FILE

load reads the file with csv.reader, records reads it into dictionaries, step reads it into dictionaries and writes it
back, as it is done where each step of the schedule reads and rewrites the file. Prints seconds, CPU seconds, megabytes.
"""

import csv
import resource
import sys
import time

what, path = sys.argv[1], sys.argv[2]
begin, cpu = time.perf_counter(), time.process_time()
with open(path, newline="") as file:
    if what == "load":
        rows = list(csv.reader(file))
    else:
        reader = csv.DictReader(file)
        rows = list(reader)
if what == "step":
    with open(path + ".new", "w", newline="") as file:
        writer = csv.DictWriter(file, reader.fieldnames)
        writer.writeheader()
        writer.writerows(rows)
print(time.perf_counter() - begin, time.process_time() - cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
