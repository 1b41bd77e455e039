"""One forward pass of the network on the GPU there is.

python scripts/study.py speed network
"""

from contextlib import nullcontext

import torch
from torch.utils.benchmark import Timer

from bundle.common.errors import InputError
from bundle.networks import ResUNet3D

from ..common import RESULTS, Out, table, write_results

REPEATS = 30


def main(out: Out = RESULTS) -> None:
    """Measure both memory layouts in both precisions."""
    if not torch.cuda.is_available():
        raise InputError("no CUDA device; the study speed inference measures the CPU")
    torch.backends.cudnn.benchmark = True
    network = ResUNet3D().cuda().eval()
    image = torch.rand(1, 1, 128, 128, 64, device="cuda")
    layouts = {"contiguous": torch.contiguous_format, "channels_last_3d": torch.channels_last_3d}
    precisions = {"fp32": nullcontext(), "fp16": torch.autocast("cuda", torch.float16)}
    rows = []
    with torch.inference_mode():
        for name, layout in layouts.items():
            network, image = network.to(memory_format=layout), image.to(memory_format=layout)
            for precision, context in precisions.items():
                torch.cuda.reset_peak_memory_stats()
                timer = Timer("network(image)", globals={"network": network, "image": image})
                with context:  # the timer warms up, and waits for the GPU
                    spent = timer.timeit(REPEATS).mean * 1e3
                peak = torch.cuda.max_memory_allocated() / 2**30
                rows.append({"layout": name, "precision": precision, "ms": spent, "peak_gib": peak})
    columns = {"layout": "memory", "precision": "precision", "ms": "ms", "peak_gib": "peak GiB"}
    figures = table(rows, columns, ms=".1f", peak_gib=".2f")
    text = f"One volume of 128×128×64, eager, not compiled.\n\n{figures}"
    write_results(out, "speed network", text, rows, tuple(columns))
