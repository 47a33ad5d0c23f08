"""The one page: which part of it is shown, and the words and helpers that all parts share."""
