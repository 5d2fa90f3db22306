//! Commands on hosts over SSH: pinned host keys, time limits, capped output.
