"""The trainer's output in the form that MONAI's own handlers read."""

from __future__ import annotations

from ignite.engine import Engine, Events

__all__ = ["ListedOutput"]


class ListedOutput:
    """Make the output of each training step a list of one dict, as decollating would, without its cost.

    Handlers that read ``from_engine(["loss"], first=True)``, such as the one that ``--tracking mlflow`` adds,
    take a list. Decollating would give a dict a case, and read the loss from the GPU at every step. Attach it
    after the handlers that read the dict, and before those that read the list.
    """

    def attach(self, engine: Engine) -> None:
        engine.add_event_handler(Events.ITERATION_COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        engine.state.output = [engine.state.output]
