"""Ignite handlers: of a training run, and of the cases of an inference."""
