"""What every room may use; each module is imported by its own name, as in `bundle.common.files`."""
