-- What an audited change came from: the hash of a raw mail or file, or a platform's name for a request.
ALTER TABLE audit ADD COLUMN input TEXT;
