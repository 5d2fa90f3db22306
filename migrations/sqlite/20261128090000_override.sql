-- Which checks an override is about: their names, one a line. Any other finding that blocks still ends the run.
ALTER TABLE requests ADD COLUMN checks TEXT NOT NULL DEFAULT '';
