"""Train the network of native resolution on crops that are drawn while it trains.

    python scripts/train_native.py --steps 12000 --minutes 9 --run-dir runs/native
    torchrun --nproc_per_node 2 scripts/train_native.py --steps 12000 --minutes 9 --run-dir runs/native

The same command again goes on where it stopped, on any number of GPUs; a killed run loses at most
``--save-minutes``. No data is needed: processes beside the training draw patients and plans
(`bundle.phantom.crops.CropStream`), the device that trains renders them. In ``--run-dir``:

    state.pt        everything to go on with; tensors and plain values only
    curves.csv      losses and speed
    weights.pt      averaged weights, fp16, a bare state_dict: logits of lumen, cardiac vein and aorta
    resume_*.pt     the same run in half precision, 12 MB a file, for transport: --unpack reads them

    python scripts/train_native.py --install runs/native/weights.pt

writes models/native_checkpoint.pt with the lumen's logit alone; ``--init models/native_checkpoint.pt`` starts
a new run from there, with other patients under another ``--seed``.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import time
from pathlib import Path

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bundle.losses import LumenAndNeighbours  # noqa: E402
from bundle.networks import AveragedWeights, ResUNet3D, read_checkpoint, restore, save_checkpoint  # noqa: E402
from bundle.phantom.crops import CLASSES, CropStream, render  # noqa: E402

FIRST_SEED = 10_000_000
"""Patients to train on; those of scripts/train_default.py end before 4,000,000."""
HU_RANGE = (-500.0, 1000.0)
OUTPUTS = ("lumen", "vein", "aorta")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run-dir", type=Path, default=ROOT / "runs" / "native")
    parser.add_argument("--steps", type=int, default=12_000, help="of the whole run, over all its calls")
    parser.add_argument("--minutes", type=float, default=0, help="of this call; 0: until the steps are done")
    parser.add_argument("--batch-size", type=int, default=4, help="crops a GPU and step")
    parser.add_argument("--crop", type=int, default=128, help="edge in voxels, a multiple of 8")
    parser.add_argument("--workers", type=int, default=12, help="processes a GPU that draw patients")
    parser.add_argument("--random-share", type=float, default=0.5, help="crops with random intensities")
    parser.add_argument("--channels", type=int, nargs="+", default=[32, 64, 128, 256])
    parser.add_argument("--learning-rate", type=float, default=4e-4)
    parser.add_argument("--warmup", type=int, default=300, help="steps")
    parser.add_argument("--neighbours", type=float, default=0.3, help="weight of vein and aorta in the loss")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--check-steps", type=int, default=25, help="between looks at the clock and losses")
    parser.add_argument("--save-minutes", type=float, default=1.5)
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--init", type=Path, metavar="FILE", help="weights to start from")
    parser.add_argument("--unpack", type=Path, metavar="DIR", help="start from the resume_*.pt in DIR")
    parser.add_argument(
        "--install", type=Path, metavar="FILE", help="only install weights; nothing is trained"
    )
    return parser.parse_args(arguments)


class Run:
    """Network, average, optimiser and what has been seen; knows how to be saved."""

    def __init__(self, args: argparse.Namespace, device: torch.device) -> None:
        torch.manual_seed(args.seed)
        self.device = device
        self.network = ResUNet3D(out_channels=len(OUTPUTS), channels=args.channels).to(device)
        cuda = device.type == "cuda"
        if cuda:
            self.network.to(memory_format=torch.channels_last_3d)
        self.averaged = AveragedWeights(self.network)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=args.learning_rate, fused=cuda)
        self.scaler = torch.amp.GradScaler(device.type, enabled=cuda)
        self.step, self.patients = 0, 0

    def state(self) -> dict:
        return {
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "step": self.step,
            "patients": self.patients,
        }

    def load(self, state: dict) -> None:
        self.network.load_state_dict(state["network"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimizer.load_state_dict(state["optimizer"])
        if state["scaler"]:
            self.scaler.load_state_dict(state["scaler"])
        self.step, self.patients = int(state["step"]), int(state["patients"])

    def start_from(self, path: Path) -> None:
        """Weights of another run; logits that the file does not have stay as they are drawn."""
        state = dict(read_checkpoint(path))
        own = self.network.state_dict()
        for name in ("head.weight", "head.bias"):
            count = min(len(own[name]), len(state[name]))
            state[name] = torch.cat([state[name][:count].to(own[name]), own[name][count:]])
        restore(self.network, state, path)
        self.averaged = AveragedWeights(self.network)

    def weights(self) -> dict:
        return {name: value.half().cpu() for name, value in self.averaged.state.items()}

    def pack(self, folder: Path) -> None:
        """Half-precision parts for transport: weights and the second moments; momentum starts anew."""
        names = [name for name, _ in self.network.named_parameters()]
        optimizer = self.optimizer.state_dict()["state"]
        second = {names[i]: s["exp_avg_sq"].sqrt().bfloat16().cpu() for i, s in optimizer.items()}
        network = {name: value.half().cpu() for name, value in self.network.state_dict().items()}
        plain = {"step": self.step, "patients": self.patients, "updates": self.averaged.updates}
        save_checkpoint({"network": network} | plain, folder / "resume_network.pt")
        save_checkpoint({"second": second}, folder / "resume_optimizer.pt")

    def unpack(self, folder: Path) -> None:
        saved = read_checkpoint(folder / "resume_network.pt")
        self.network.load_state_dict(saved["network"])
        average = read_checkpoint(folder / "weights.pt")
        self.averaged.load_state_dict({"state": average, "updates": saved["updates"]})
        self.step, self.patients = int(saved["step"]), int(saved["patients"])
        second = read_checkpoint(folder / "resume_optimizer.pt")["second"]
        for name, parameter in self.network.named_parameters():
            self.optimizer.state[parameter] = {
                "step": torch.tensor(
                    float(self.step), device=self.device if self.device.type == "cuda" else None
                ),
                "exp_avg": torch.zeros_like(parameter),
                "exp_avg_sq": torch.zeros_like(parameter).copy_(second[name].float().square()),
            }


def targets_of(crops) -> torch.Tensor:
    """Shares of lumen, cardiac vein and aorta: (B, 3, X, Y, Z) in [0, 1]."""
    aorta = (crops.classes == CLASSES.index("aorta")).float()
    return torch.cat([crops.share, crops.vein * (1 - crops.share), aorta], dim=1)


def inputs_of(crops) -> torch.Tensor:
    low, high = HU_RANGE
    return crops.image.sub(low).div_(high - low).clamp_(0, 1)


def rate(args: argparse.Namespace, step: int) -> float:
    """Learning rate: warm-up, then nnU-Net's polynomial decay over the whole run."""
    return args.learning_rate * min(1, (step + 1) / args.warmup) * max(1 - step / args.steps, 0) ** 0.9


def loader(args: argparse.Namespace, run: Run, rank: int, ranks: int) -> DataLoader:
    stream = CropStream(
        FIRST_SEED + args.seed * 100_000_000,
        args.batch_size,
        (args.crop,) * 3,
        rank=rank,
        ranks=ranks,
        skip=run.patients,
        random_share=args.random_share,
    )
    workers = {"num_workers": args.workers}
    if args.workers:
        workers["prefetch_factor"] = 4
    return DataLoader(stream, batch_size=None, pin_memory=run.device.type == "cuda", **workers), stream


def train(args: argparse.Namespace, run: Run, rank: int, ranks: int, end: float) -> bool:
    """Steps until the run is done (True) or the time ends (False)."""
    batches, stream = loader(args, run, rank, ranks)
    loss_of = LumenAndNeighbours(args.neighbours)
    module = run.network
    if run.device.type == "cuda" and not args.no_compile:
        module.compile(dynamic=False)
    if ranks > 1:
        on = [run.device.index] if run.device.type == "cuda" else None
        module = DistributedDataParallel(module, device_ids=on, gradient_as_bucket_view=True)
    skipped, began = run.patients, run.step
    # What this call draws at most: a patient a `crops_a_patient` crops, and those that are kept at its end.
    waiting = ranks * max(args.workers, 1) * (stream.kept + 4 * args.batch_size)
    parts, saved, seen, clock = [], time.monotonic(), run.step, time.monotonic()
    iterator = iter(batches)
    while run.step < args.steps:
        crops = render(next(iterator), run.device)
        for group in run.optimizer.param_groups:
            group["lr"] = rate(args, run.step)
        with torch.autocast(run.device.type, torch.float16, enabled=run.device.type == "cuda"):
            image = inputs_of(crops)
            if run.device.type == "cuda":
                image = image.contiguous(memory_format=torch.channels_last_3d)
            logits = module(image)
        loss = loss_of(logits.float(), targets_of(crops))
        run.optimizer.zero_grad(set_to_none=True)
        run.scaler.scale(loss).backward()
        run.scaler.step(run.optimizer)
        run.scaler.update()
        run.averaged.update(run.network)
        run.step += 1
        parts.append(torch.stack(loss_of.parts))
        if run.step % args.check_steps and run.step < args.steps:
            continue
        now = time.monotonic()
        drawn = (run.step - began) * args.batch_size * ranks // stream.crops_a_patient
        run.patients = skipped + drawn + waiting
        if rank == 0:
            mean = torch.stack(parts).mean(0).tolist()
            speed = (run.step - seen) * args.batch_size * ranks / (time.monotonic() - clock)
            report(args, run, mean, speed)
        parts, seen, clock = [], run.step, time.monotonic()
        stop = torch.tensor([now > end], dtype=torch.int32, device=run.device)
        if ranks > 1:
            dist.broadcast(stop, 0)
        if rank == 0 and (now - saved > 60 * args.save_minutes):
            save_checkpoint(run.state(), args.run_dir / "state.pt")
            saved = now
        if stop.item():
            break
    return run.step >= args.steps


def report(args: argparse.Namespace, run: Run, losses: list[float], speed: float) -> None:
    path = args.run_dir / "curves.csv"
    fresh = not path.exists()
    row = [run.step, *(f"{x:.4f}" for x in losses), f"{rate(args, run.step):.2e}", f"{speed:.1f}"]
    with open(path, "a", newline="") as stream:
        writer = csv.writer(stream)
        if fresh:
            writer.writerow(["step", *OUTPUTS, "learning_rate", "crops_per_second"])
        writer.writerow(row)
    print(*row, flush=True)


def install(source: Path, target: Path) -> None:
    """Averaged weights with the lumen's logit alone, fp16, as a bare state_dict that the bundle loads."""
    state = dict(read_checkpoint(source))
    for name in ("head.weight", "head.bias"):
        state[name] = state[name][:1].clone()
    save_checkpoint(state, target)
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB")


def main(arguments: list[str] | None = None) -> int:
    began = time.monotonic()
    args = parse(arguments)
    if args.install:
        install(args.install, ROOT / "models" / "native_checkpoint.pt")
        return 0
    end = began + 60 * args.minutes if args.minutes else float("inf")
    rank, ranks = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    cuda = torch.cuda.is_available()
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0))) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(device)
        torch.backends.cudnn.benchmark = True
    if ranks > 1:
        dist.init_process_group("nccl" if cuda else "gloo")
    args.run_dir.mkdir(parents=True, exist_ok=True)
    run = Run(args, device)
    if (args.run_dir / "state.pt").is_file():
        run.load(read_checkpoint(args.run_dir / "state.pt"))
    elif args.unpack:
        run.unpack(args.unpack)
    elif args.init:
        run.start_from(args.init)
    first = run.step
    done = train(args, run, rank, ranks, end)
    if rank == 0:
        save_checkpoint(run.state(), args.run_dir / "state.pt")
        save_checkpoint(run.weights(), args.run_dir / "weights.pt")
        run.pack(args.run_dir)
        kind = torch.cuda.get_device_name() if cuda else "CPU"
        print(
            f"steps {first} to {run.step} of {args.steps} on {ranks} x {kind}, "
            f"{time.monotonic() - began:.0f} s"
        )
        print("done" if done else "the same command goes on")
    if ranks > 1:
        dist.destroy_process_group()
    return 0


if __name__ == "__main__":
    sys.exit(main())
