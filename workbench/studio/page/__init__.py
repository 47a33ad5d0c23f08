"""The single page: chooses the view to show, and has the words and helpers that all views share."""
