//! What to run on which system, and what its answer means; pure.
