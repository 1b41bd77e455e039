"""A training step and a forward pass beside other networks.

    python scripts/study.py speed training
    python scripts/study.py speed training --compiled --curves 300

On one GPU, in one run, on the same random tensors: DynUNet, SegResNet and UNet of MONAI as they come, and
this project's networks with PyTorch's passes between convolutions and with the fused ones. A step is the
forward pass, Dice and cross-entropy, the gradient with scaling, and Adam, as configs/train.yaml has them. The
floor is what the operations of the network would take at the speed of a large matrix product in the same run,
three times a forward pass for a step. --curves trains on phantoms, with float32 and PyTorch's passes from
several seeds, and with float16 and the fused passes from the same.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from contextlib import nullcontext
from typing import Annotated, Any

import numpy as np
import torch
import typer
from monai.losses import DiceCELoss
from monai.networks.nets import DynUNet, SegResNet, UNet
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from bundle.common.errors import InputError
from bundle.networks import ResUNet3D, plain_passes
from bundle.phantom import make_phantom

from ..common import RESULTS, Out, table, write_results

SIZE, BATCH = (128, 128, 64), 4
WIDE, WIDE_BATCH = (160, 160, 160), 2
REPEATS, WARM_UP = 15, 4
PEER = "DynUNet"
SEEDS, CASES, SHOWN = (0, 1, 2), 16, 25
COLUMNS = {"network": "network", "how": "", "train_ratio": "step, DynUNet = 1", "infer_ratio": "forward",
           "train_ms": "step, ms a sample", "train_spread": "10 to 90 %", "train_floor": "floor",
           "infer_ms": "forward, ms", "infer_spread": "10 to 90 % ", "infer_floor": "floor ",
           "peak_gib": "peak GiB"}  # fmt: skip


def dynunet() -> nn.Module:
    """MONAI's nnU-Net, as deep and wide as the default network."""
    return DynUNet(
        3, 1, 1, [3] * 4, [1, 2, 2, 2], [2] * 3, filters=[32, 64, 128, 256], res_block=True
    )  # fmt: skip


def native() -> nn.Module:
    """The network of native resolution."""
    return ResUNet3D(out_channels=3, channels=(32, 64, 128, 256, 96))


class Step:
    """One step of training on random tensors, and a forward pass."""

    def __init__(self, network: nn.Module, size: tuple[int, ...], batch: int) -> None:
        self.network = network.cuda()
        self.image = torch.rand(batch, 1, *size, device="cuda")
        with torch.no_grad(), torch.autocast("cuda", torch.float16):
            outputs = self.network(self.image).shape[1]
        self.label = (torch.rand(batch, outputs, *size, device="cuda") > 0.98).float()
        self.loss = DiceCELoss(sigmoid=True, squared_pred=True)
        self.optimizer = torch.optim.Adam(network.parameters(), 1e-4, fused=True)
        self.scaler = torch.amp.GradScaler("cuda")

    def train(self) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cuda", torch.float16):
            loss = self.loss(self.network(self.image), self.label)
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()

    def infer(self) -> None:
        with torch.inference_mode(), torch.autocast("cuda", torch.float16):
            self.network(self.image)


def milliseconds(work: Callable[[], None], per: int) -> list[float]:
    """Of each repeat after the warm-up, divided by `per`, the least first."""
    for _ in range(WARM_UP):
        work()
    spent = []
    for _ in range(REPEATS):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        work()
        end.record()
        torch.cuda.synchronize()
        spent.append(begin.elapsed_time(end) / per)
    return sorted(spent)


def product_speed() -> float:
    """TFLOP/s of a product of two 8192² matrices of bfloat16."""
    a, b = torch.randn(2, 8192, 8192, device="cuda", dtype=torch.bfloat16)
    return 2 * 8192**3 / statistics.median(milliseconds(lambda: a @ b, 1)) / 1e9


def floor_ms(network: nn.Module, size: tuple[int, ...], tflops: float) -> float:
    """What the operations of one forward pass of one sample take at a speed."""
    counter = FlopCounterMode(display=False)
    with counter, torch.device("meta"), torch.no_grad():
        network.to("meta")(torch.empty(1, 1, *size))
    return counter.get_total_flops() / tflops / 1e9


def measure(
    name: str, how: str, make: Callable[[], nn.Module], size: tuple[int, ...], batch: int, tflops: float
) -> dict[str, Any]:
    """The row of one network."""
    torch.manual_seed(0)
    network = make()
    if how == "channels last":
        network.to(memory_format=torch.channels_last_3d)
    step = Step(network, size, batch)
    if how == "compiled":
        network.compile(dynamic=False)
    torch.cuda.reset_peak_memory_stats()
    with nullcontext() if how == "fused" else plain_passes():
        train = milliseconds(step.train, batch)
        peak = torch.cuda.max_memory_allocated() / 2**30
        network.eval()
        infer = milliseconds(step.infer, batch)
    floor = floor_ms(make(), size, tflops)
    row: dict[str, Any] = {"network": name, "how": how, "peak_gib": peak}
    for key, values, times in (("train", train, 3), ("infer", infer, 1)):
        row[f"{key}_ms"] = statistics.median(values)
        low, high = np.quantile(values, (0.1, 0.9))
        row[f"{key}_spread"] = f"{low:.2f} to {high:.2f}"
        row[f"{key}_floor"] = times * floor
    print(f"{name}, {how}: {row['train_ms']:.2f} and {row['infer_ms']:.2f} ms a sample", flush=True)
    torch.compiler.reset()
    torch.cuda.empty_cache()
    return row


def curve(images: torch.Tensor, labels: torch.Tensor, steps: int, seed: int, is_quick: bool) -> list[float]:
    """The loss of every step of a training on a few phantoms."""
    torch.manual_seed(seed)
    network = ResUNet3D().cuda()
    loss_of = DiceCELoss(sigmoid=True, squared_pred=True)
    optimizer = torch.optim.Adam(network.parameters(), 1e-4, fused=True)
    scaler = torch.amp.GradScaler("cuda", enabled=is_quick)
    order, losses = np.random.default_rng(seed), []
    with nullcontext() if is_quick else plain_passes():
        for _ in range(steps):
            chosen = torch.from_numpy(order.choice(len(images), BATCH, replace=False)).cuda()
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast("cuda", torch.float16, enabled=is_quick):
                loss = loss_of(network(images[chosen]), labels[chosen])
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            losses.append(loss.detach())
    return torch.stack(losses).float().tolist()


def curves(steps: int) -> str:
    """A table of losses, both ways, from the same seeds."""
    phantoms = [make_phantom(5_000_000 + n, SIZE) for n in range(CASES)]
    images = np.stack([(np.clip(p.image, -500, 1000) + 500) / 1500 for p in phantoms])[:, None]
    labels = np.stack([p.lumen_fraction / 255 for p in phantoms])[:, None]
    tensors = [torch.from_numpy(np.ascontiguousarray(a, np.float32)).cuda() for a in (images, labels)]
    found = {
        how: np.array([curve(*tensors, steps, seed, how != "float32") for seed in SEEDS])
        for how in ("float32", "float16, fused")
    }
    rows = []
    for first in range(0, steps, max(steps // 6, 1)):
        row: dict[str, Any] = {"steps": f"{first + 1} to {first + SHOWN}"}
        for how, losses in found.items():
            means = losses[:, first : first + SHOWN].mean(axis=1)
            row[how] = f"{means.mean():.4f} ({means.min():.4f} to {means.max():.4f})"
        rows.append(row)
    heads = {"steps": "steps", **{how: how for how in found}}
    about = f"Loss of {steps} steps on {CASES} phantoms, mean and range of {len(SEEDS)} seeds:"
    return f"{about}\n\n{table(rows, heads)}"


def main(
    compiled: Annotated[bool, typer.Option("--compiled", help="by torch.compile too, a minute each")] = False,
    steps: Annotated[int, typer.Option("--curves", help="also train, for so many steps, both ways")] = 0,
    out: Out = RESULTS,
) -> None:
    if not torch.cuda.is_available():
        raise InputError("no CUDA device: this study measures networks on a GPU")
    torch.backends.cudnn.benchmark = True
    tflops = product_speed()
    more = ["compiled"] if compiled else []
    plan = [(PEER, how, dynunet, SIZE, BATCH) for how in ("PyTorch", *more)]
    plan += [
        ("SegResNet", "PyTorch", lambda: SegResNet(init_filters=32), SIZE, BATCH),
        ("UNet, which begins at half the size", "PyTorch", unet, SIZE, BATCH),
    ]
    plan += [
        ("ResUNet3D", how, ResUNet3D, SIZE, BATCH) for how in ("PyTorch", "channels last", *more, "fused")
    ]
    plan += [("ResUNet3D, native", how, native, WIDE, WIDE_BATCH) for how in ("PyTorch", *more, "fused")]
    rows = [measure(*case, tflops) for case in plan]
    peer = rows[0]
    for row in rows:
        if "native" not in row["network"]:  # another size than the peer's
            for key in ("train", "infer"):
                row[f"{key}_ratio"] = row[f"{key}_ms"] / peer[f"{key}_ms"]
    forms = {f"{key}_{what}": ".2f" for key in ("train", "infer") for what in ("ratio", "ms", "floor")}
    sizes = ["×".join(map(str, size)) for size in (SIZE, WIDE)]
    text = (
        f"Batches of {BATCH} of {sizes[0]} voxels, native ones of {WIDE_BATCH} of {sizes[1]}; float16, "
        f"median of {REPEATS}. A product of two 8192² matrices of bfloat16 runs at {tflops:.0f} TFLOP/s.\n\n"
        + table(rows, COLUMNS, peak_gib=".1f", **forms)
    )
    if steps:
        text += f"\n\n{curves(steps)}"
    write_results(out, "speed training", text, rows, tuple(COLUMNS))


def unet() -> nn.Module:
    """MONAI's residual U-Net."""
    return UNet(3, 1, 1, (32, 64, 128, 256), (2, 2, 2), num_res_units=2)
