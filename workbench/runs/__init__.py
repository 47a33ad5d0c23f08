"""Run directories: what is where, how runs are named, changed, listed and removed."""
