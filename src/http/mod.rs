//! The loopback pages for machines: `/healthz` and `/metrics`.
