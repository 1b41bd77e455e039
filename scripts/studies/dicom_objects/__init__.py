"""DICOM objects under a validator and in programs of others."""
