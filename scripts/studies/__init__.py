"""The studies of scripts/study.py: a module with a `main` is one, a package holds the parts of one."""
