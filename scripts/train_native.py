"""Train the network of native resolution on crops that are drawn while it trains.

    python scripts/train_native.py --steps 12000 --minutes 9 --run-dir runs/native
    torchrun --nproc_per_node 2 scripts/train_native.py --steps 12000 --minutes 9 --run-dir runs/native
    python scripts/train_native.py --install runs/native/weights.pt     # as models/native_checkpoint.pt

The same command again goes on where it stopped, on any number of GPUs; a killed run loses at most
--save-minutes. No data is needed: processes beside the training draw patients and plans, the device that
trains renders them. --run-dir gets state.pt, which is everything to go on with; curves.csv, losses and speed;
weights.pt, the averaged weights with logits of lumen, cardiac vein and aorta, fp16; and resume_*.pt, which
with weights.pt carry the run elsewhere in half precision, for --unpack. --install keeps the lumen's logit
alone. --init models/native_checkpoint.pt starts a new run from there, with other patients under another
--seed.
"""

import csv
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
import torch.distributed as dist
import typer
from monai.bundle import ConfigParser
from shared import ROOT, config_path, run
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader

from bundle.common.errors import InputError
from bundle.losses import LumenAndNeighbours
from bundle.networks import AveragedWeights, ResUNet3D, read_checkpoint, restore, save_checkpoint
from bundle.phantom.crops import CLASSES, Crops, CropStream, render

FIRST_SEED = 10_000_000
"""Patients to train on; those of scripts/train_default.py end before 4,000,000."""
OUTPUTS = ("lumen", "vein", "aorta")
HEAD = ("head.weight", "head.bias")


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """A state_dict of the network.

    Raises:
        InputError: no such file, or not the weights of this network.
    """
    state = read_checkpoint(path)
    if any(name not in state for name in HEAD):
        raise InputError(f"{path} holds no weights of this network: there is no {HEAD[0]} in it.")
    return dict(state)


class Run:
    """Network, average, optimiser and what has been seen; knows how to be saved."""

    def __init__(self, device: torch.device, seed: int, channels: list[int] | None, learning_rate: float):
        torch.manual_seed(seed)
        self.device, self.is_cuda = device, device.type == "cuda"
        widths = {"channels": channels} if channels else {}
        self.network = ResUNet3D(out_channels=len(OUTPUTS), **widths).to(device)
        if self.is_cuda:
            self.network.to(memory_format=torch.channels_last_3d)
        self.averaged = AveragedWeights(self.network)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=learning_rate, fused=self.is_cuda)
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.is_cuda)
        self.step, self.patients = 0, 0

    def save(self, path: Path) -> None:
        """Everything to go on with."""
        parts = {name: getattr(self, name) for name in ("network", "averaged", "optimizer", "scaler")}
        state = {name: part.state_dict() for name, part in parts.items()}
        save_checkpoint(state | {"step": self.step, "patients": self.patients}, path)

    def load(self, path: Path) -> None:
        """What `save` wrote."""
        state = read_checkpoint(path)
        restore(self.network, state["network"], path)
        self.averaged.load_state_dict(state["averaged"])
        self.optimizer.load_state_dict(state["optimizer"])
        if state["scaler"]:
            self.scaler.load_state_dict(state["scaler"])
        self.step, self.patients = int(state["step"]), int(state["patients"])

    def start_from(self, path: Path) -> None:
        """Weights of another run; logits that the file does not have stay as they are drawn."""
        state, own = read_weights(path), self.network.state_dict()
        for name in HEAD:
            count = min(len(own[name]), len(state[name]))
            state[name] = torch.cat([state[name][:count].to(own[name]), own[name][count:]])
        restore(self.network, state, path)
        self.averaged = AveragedWeights(self.network)

    def export(self, folder: Path) -> None:
        """The averaged weights, and half-precision parts for transport, without the momentum."""
        average = {name: value.half().cpu() for name, value in self.averaged.state.items()}
        save_checkpoint(average, folder / "weights.pt")
        names = [name for name, _ in self.network.named_parameters()]
        optimizer = self.optimizer.state_dict()["state"]
        second = {names[i]: s["exp_avg_sq"].sqrt().bfloat16().cpu() for i, s in optimizer.items()}
        network = {name: value.half().cpu() for name, value in self.network.state_dict().items()}
        plain = {"step": self.step, "patients": self.patients, "updates": self.averaged.updates}
        save_checkpoint({"network": network} | plain, folder / "resume_network.pt")
        save_checkpoint({"second": second}, folder / "resume_optimizer.pt")

    def unpack(self, folder: Path) -> None:
        """What `export` wrote; momentum starts anew."""
        saved = read_checkpoint(folder / "resume_network.pt")
        restore(self.network, saved["network"], folder / "resume_network.pt")
        average = read_weights(folder / "weights.pt")
        self.averaged.load_state_dict({"state": average, "updates": saved["updates"]})
        self.step, self.patients = int(saved["step"]), int(saved["patients"])
        second = read_checkpoint(folder / "resume_optimizer.pt")["second"]
        step = torch.tensor(float(self.step), device=self.device if self.is_cuda else None)
        for name, parameter in self.network.named_parameters():
            self.optimizer.state[parameter] = {
                "step": step.clone(),
                "exp_avg": torch.zeros_like(parameter),
                "exp_avg_sq": torch.zeros_like(parameter).copy_(second[name].float().square()),
            }


def targets_of(crops: Crops) -> torch.Tensor:
    """Volume fractions of lumen, cardiac vein and aorta, then the centreline: (B, 4, X, Y, Z) in [0, 1]."""
    aorta = (crops.classes == CLASSES.index("aorta")).float()
    vein = crops.vein * (1 - crops.share)
    return torch.cat([crops.share, vein, aorta, crops.centreline.float()], dim=1)


@dataclass
class Schedule:
    """Of a run: its steps, over all its calls, and the learning rate; of a call: its looks at the clock."""

    steps: int
    learning_rate: float
    warmup: int
    check_steps: int
    save_minutes: float
    end: float

    def rate(self, step: int) -> float:
        """Learning rate: warm-up, then nnU-Net's polynomial decay over the whole run."""
        return self.learning_rate * min(1, (step + 1) / self.warmup) * max(1 - step / self.steps, 0) ** 0.9


@dataclass
class Trainer:
    """What a step needs."""

    run: Run
    module: torch.nn.Module  # the run's network, compiled and distributed
    loss_of: LumenAndNeighbours
    hu_range: tuple[float, float]

    def step(self, batch: dict[str, torch.Tensor], rate: float) -> torch.Tensor:
        """One step on a batch of plans; the loss of each output, and the part of the centreline missed."""
        run, (low, high) = self.run, self.hu_range
        crops = render(batch, run.device)
        for group in run.optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast(run.device.type, torch.float16, enabled=run.is_cuda):
            image = crops.image.sub(low).div_(high - low).clamp_(0, 1)
            if run.is_cuda:
                image = image.contiguous(memory_format=torch.channels_last_3d)
            logits = self.module(image)
        loss = self.loss_of(logits.float(), targets_of(crops))
        run.optimizer.zero_grad(set_to_none=True)
        run.scaler.scale(loss).backward()
        run.scaler.step(run.optimizer)
        run.scaler.update()
        run.averaged.update(run.network)
        run.step += 1
        return torch.stack(self.loss_of.parts)


def train(trainer: Trainer, stream: CropStream, workers: int, schedule: Schedule, folder: Path) -> None:
    """Steps until the run is done or the time ends."""
    run, steps, crops_a_step = trainer.run, schedule.steps, stream.batch_size * stream.ranks
    options = {"num_workers": workers} | ({"prefetch_factor": 4} if workers else {})
    batches = iter(DataLoader(stream, batch_size=None, pin_memory=run.is_cuda, **options))
    # What this call draws at most: a patient a `crops_a_patient` crops, and those that are kept at its end.
    waiting = stream.ranks * max(workers, 1) * (stream.kept + 4 * stream.batch_size)
    first = last = run.step
    parts, clock = [], time.monotonic()
    saved = clock
    while run.step < steps:
        parts.append(trainer.step(next(batches), schedule.rate(run.step)))
        if run.step % schedule.check_steps and run.step < steps:
            continue
        drawn = (run.step - first) * crops_a_step // stream.crops_a_patient
        run.patients = stream.skip + drawn + waiting
        if stream.rank == 0:
            losses = torch.stack(parts).mean(0).tolist()
            speed = (run.step - last) * crops_a_step / (time.monotonic() - clock)
            report(folder / "curves.csv", run.step, losses, schedule.rate(run.step), speed)
        parts, last, clock = [], run.step, time.monotonic()
        stop = torch.tensor([clock > schedule.end], dtype=torch.int32, device=run.device)
        if stream.ranks > 1:
            dist.broadcast(stop, 0)
        if stream.rank == 0 and clock - saved > 60 * schedule.save_minutes:
            run.save(folder / "state.pt")
            saved = clock
        if stop.item():
            break


def report(path: Path, step: int, losses: list[float], rate: float, speed: float) -> None:
    """A line of the curves."""
    fresh = not path.exists()
    row = [step, *(f"{x:.4f}" for x in losses), f"{rate:.2e}", f"{speed:.1f}"]
    with open(path, "a", newline="") as file:
        writer = csv.writer(file)
        if fresh:
            writer.writerow(["step", *OUTPUTS, "centreline", "learning_rate", "crops_per_second"])
        writer.writerow(row)
    print(*row, flush=True)


def install(source: Path, target: Path) -> None:
    """Averaged weights with the lumen's logit alone, fp16, as a bare state_dict that the bundle loads."""
    state = read_weights(source)
    save_checkpoint(state | {name: state[name][:1].clone() for name in HEAD}, target)
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB")


def main(
    run_dir: Annotated[Path, typer.Option(help="checkpoints, weights and curves")] = ROOT / "runs" / "native",
    steps: Annotated[int, typer.Option(help="of the whole run, over all its calls")] = 12_000,
    minutes: Annotated[float, typer.Option(help="of this call; 0: until the steps are done")] = 0,
    batch_size: Annotated[int, typer.Option(help="crops a GPU and step")] = 4,
    crop: Annotated[int, typer.Option(help="edge in voxels, by default a multiple of 8")] = 128,
    workers: Annotated[int, typer.Option(help="processes a GPU that draw patients")] = 12,
    random_share: Annotated[float, typer.Option(help="part of the crops with random intensities")] = 0.5,
    channels: Annotated[list[int] | None, typer.Option(help="once a level; the default network's")] = None,
    learning_rate: float = 4e-4,
    warmup: Annotated[int, typer.Option(help="steps")] = 300,
    neighbours: Annotated[float, typer.Option(help="weight of vein and aorta in the loss")] = 0.3,
    recall: Annotated[float, typer.Option(help="weight of the centreline's recall in the loss")] = 0.3,
    seed: int = 0,
    check_steps: Annotated[int, typer.Option(help="between looks at the clock and losses")] = 25,
    save_minutes: float = 1.5,
    no_compile: Annotated[bool, typer.Option("--no-compile")] = False,
    init: Annotated[Path | None, typer.Option(metavar="FILE", help="weights to start from")] = None,
    unpack: Annotated[Path | None, typer.Option(metavar="DIR", help="start from its resume_*.pt")] = None,
    install_file: Annotated[
        Path | None,
        typer.Option("--install", metavar="FILE", help="only write FILE as models/native_checkpoint.pt"),
    ] = None,
) -> None:
    """Train as far as the time goes."""
    began = time.monotonic()
    if install_file:
        install(install_file, ROOT / "models" / "native_checkpoint.pt")
        return
    rank, ranks = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    cuda = torch.cuda.is_available()
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0))) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(device)
        torch.backends.cudnn.benchmark = True
    state = Run(device, seed, channels, learning_rate)
    if crop % state.network.factor:
        raise typer.BadParameter(f"--crop {crop} is no multiple of {state.network.factor}")
    if (run_dir / "state.pt").is_file():
        state.load(run_dir / "state.pt")
    elif unpack:
        state.unpack(unpack)
    elif init:
        state.start_from(init)
    run_dir.mkdir(parents=True, exist_ok=True)
    module = state.network
    if cuda and not no_compile:
        module.compile(dynamic=False)
    if ranks > 1:
        dist.init_process_group("nccl" if cuda else "gloo")
        on = [device.index] if cuda else None
        module = DistributedDataParallel(module, device_ids=on, gradient_as_bucket_view=True)
    hu_range = ConfigParser.load_config_file(config_path("inference.yaml"))["hu_range"]
    seeds = {"rank": rank, "ranks": ranks, "skip": state.patients}
    first_seed = FIRST_SEED + seed * 100_000_000
    stream = CropStream(first_seed, batch_size, (crop,) * 3, random_share=random_share, **seeds)
    end = began + 60 * minutes if minutes else float("inf")
    schedule = Schedule(steps, learning_rate, warmup, check_steps, save_minutes, end)
    first = state.step
    trainer = Trainer(state, module, LumenAndNeighbours(neighbours, recall), hu_range)
    train(trainer, stream, workers, schedule, run_dir)
    if rank == 0:
        state.save(run_dir / "state.pt")
        state.export(run_dir)
        where = f"{ranks} x {torch.cuda.get_device_name() if cuda else 'CPU'}"
        print(f"steps {first} to {state.step} of {steps} on {where}, {time.monotonic() - began:.0f} s")
        print("done" if state.step >= steps else "the same command goes on")
    if ranks > 1:
        dist.destroy_process_group()


if __name__ == "__main__":
    run(main, __doc__)
