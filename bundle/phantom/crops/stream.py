"""An endless stream of batches of plans, each crop drawn once: patients are made where they are needed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch.utils.data import IterableDataset, get_worker_info

from .batch import Batch, stack_plans
from .patient import Patient, draw_patient
from .plan import draw_plan


def _drawn(seed: int) -> Patient:
    """A patient; a fault names the seed, without which nobody could draw it again."""
    try:
        return draw_patient(seed)
    except Exception as error:
        raise RuntimeError(f"The patient of seed {seed} could not be drawn.") from error


class CropStream(IterableDataset):
    """Batches of crop plans for `render`, without end and without a crop seen twice.

    Every loader process draws its own patients, keeps a few of them and takes a crop of one at random; each
    patient is replaced by a new one after `crops_a_patient` crops. The same arguments and the same number of
    processes give the same stream. Patient k is seed `first_seed` + k, and no two processes draw the same.

    Args:
        first_seed: of the patients.
        batch_size: crops a batch.
        shape: voxels (x, y, z) of a crop.
        crops_a_patient: crops taken of a patient.
        kept: patients that a process keeps at once.
        rank, ranks: of several training processes; each sees other patients.
        skip: patients already seen, so that a run that goes on sees new ones.
        options: for `draw_plan`.
    """

    def __init__(
        self,
        first_seed: int,
        batch_size: int = 4,
        shape: tuple[int, int, int] = (128, 128, 128),
        *,
        crops_a_patient: int = 8,
        kept: int = 8,
        rank: int = 0,
        ranks: int = 1,
        skip: int = 0,
        **options,
    ) -> None:
        self.first_seed, self.batch_size, self.shape = first_seed, batch_size, tuple(shape)
        self.crops_a_patient, self.kept = crops_a_patient, kept
        self.rank, self.ranks, self.skip, self.options = rank, ranks, skip, options

    def drawn_after(self, batches: int, workers: int, ready: int = 4) -> int:
        """The most patients that were drawn when each process of a run from the start has seen `batches`.

        Args:
            workers: that load for a process.
            ready: batches that a worker may have waiting.
        """
        workers = max(workers, 1)
        crops = (batches + ready * workers) * self.batch_size
        return self.ranks * (crops // self.crops_a_patient + workers * self.kept)

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        torch.set_num_threads(1)
        here, count = (worker.id, worker.num_workers) if worker else (0, 1)
        step = count * self.ranks
        seed = self.first_seed + self.skip + self.rank * count + here
        rng = np.random.default_rng([seed, 10])
        patients: list[Patient] = []
        left: list[int] = []
        while True:
            plans = []
            for _ in range(self.batch_size):
                if len(patients) < self.kept:
                    patients.append(_drawn(seed))
                    # The first few end at different times, so that not all are replaced at once.
                    early = seed < self.first_seed + self.skip + step * self.kept
                    left.append(
                        int(rng.integers(1, self.crops_a_patient + 1)) if early else self.crops_a_patient
                    )
                    seed += step
                which = int(rng.integers(len(patients)))
                plans.append(draw_plan(rng, patients[which], self.shape, **self.options))
                left[which] -= 1
                if not left[which]:
                    del patients[which], left[which]
            yield stack_plans(plans)
