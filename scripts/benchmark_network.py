"""Milliseconds and memory of one forward pass of the network on the GPU there is.

python scripts/benchmark_network.py
"""

from __future__ import annotations

import sys
import time
from contextlib import nullcontext
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bundle.networks import ResUNet3D

REPEATS = 30


def milliseconds(call) -> float:
    for _ in range(5):
        call()
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(REPEATS):
        call()
    torch.cuda.synchronize()
    return (time.perf_counter() - start) / REPEATS * 1e3


def main() -> None:
    if not torch.cuda.is_available():
        raise SystemExit("error: no CUDA device; scripts/benchmark_inference.py measures the CPU")
    torch.backends.cudnn.benchmark = True
    network = ResUNet3D().cuda().eval()
    image = torch.rand(1, 1, 128, 128, 64, device="cuda")
    layouts = {"contiguous": torch.contiguous_format, "channels_last_3d": torch.channels_last_3d}
    print(torch.cuda.get_device_name(), "torch", torch.__version__)
    with torch.inference_mode():
        for name, layout in layouts.items():
            network, image = network.to(memory_format=layout), image.to(memory_format=layout)
            for precision, context in (
                ("fp32", nullcontext()),
                ("fp16", torch.autocast("cuda", torch.float16)),
            ):
                torch.cuda.reset_peak_memory_stats()
                with context:
                    spent = milliseconds(lambda: network(image))  # noqa: B023
                peak = torch.cuda.max_memory_allocated() / 2**30
                print(f"{name} {precision}: {spent:.1f} ms, {peak:.2f} GiB")


if __name__ == "__main__":
    main()
