"""Memory of an inference over many scans, after each case: it must stay flat.

    python scripts/check_memory.py --cases 30

The cases are small, so that what is left behind by each stands out from what one case needs.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

import fire
import numpy as np
from ignite.engine import Events

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from trial_cases import inference, write_tube  # noqa: E402


def resident_mib() -> float:
    """Memory that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def check_memory(cases: int = 30, size: int = 128) -> dict[str, float]:
    """MiB after each case of an inference, of ``size`` x ``size`` x ``size / 2`` voxels, and their slope."""
    shape = (size, size, size // 2)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for number in range(cases):
            write_tube(home / "data" / f"c{number}.nii.gz", shape, seed=number)
        workflow = inference(home, home / "eval", shape)
        held: list[float] = []
        evaluator = workflow.parser.get_parsed_content("evaluator")
        evaluator.add_event_handler(Events.ITERATION_COMPLETED, lambda: held.append(resident_mib()))
        workflow.run()
    # The first five fill caches: of matrices, of fonts, of the allocator.
    late = held[5:]
    slope = float(np.polyfit(np.arange(len(late)), late, 1)[0])
    third = max(1, len(late) // 3)
    return {
        "cases": len(held),
        "after_first_mib": round(held[0]),
        "mean_of_early_third_mib": round(float(np.mean(late[:third]))),
        "mean_of_last_third_mib": round(float(np.mean(late[-third:]))),
        "most_mib": round(max(held)),
        "slope_mib_a_case": round(slope, 2),
    }


if __name__ == "__main__":
    print(json.dumps(fire.Fire(check_memory, serialize=lambda _: None), indent=2))
