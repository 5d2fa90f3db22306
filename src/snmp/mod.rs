//! The zone probe by SNMP: a host's date and offset confirm or contradict its declared zone.
