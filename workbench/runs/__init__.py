"""Run directories: their layout, and how runs are named, changed, listed and removed."""
