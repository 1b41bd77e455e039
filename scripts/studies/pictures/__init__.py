"""Pictures for docs/images."""
