"""The studio: runs, videos, games and tournaments in the browser, read only from files."""
