"""Attenuation (HU) of blood and tissue in one scan, drawn wide enough to cover real scanners.

Iodine and calcium attenuate more at low tube voltage; the factors follow the usual clinical ratio between
80, 100, 120 and 140 kV (about 1.6, 1.25, 1 and 0.87). Enhancement is drawn at 120 kV and then scaled.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Contrast", "draw_contrast"]

TUBE_VOLTAGES = {80: 1.6, 100: 1.25, 120: 1.0, 140: 0.87}


@dataclass
class Contrast:
    """HU of each tissue; `distal_loss` is the part of the coronary enhancement lost per 100 mm of path."""

    kilovolt: int
    iodine: float
    aorta: float
    left_ventricle: float
    left_atrium: float
    pulmonary: float
    right_ventricle: float
    right_atrium: float
    vena_cava: float
    right_mixing: float
    myocardium: float
    vein: float
    distal_loss: float
    coronary: float
    fat: float
    epicardial_fat: float
    muscle: float
    lung: float
    lung_texture: float
    liver: float
    spleen: float
    kidney: float
    cortical_bone: float
    marrow: float
    calcium: float
    soft_plaque: float


def draw_contrast(rng: np.random.Generator) -> Contrast:
    """The attenuation of one patient's tissues at one tube voltage and bolus timing."""
    kilovolt = int(rng.choice([80, 100, 120, 140], p=[0.12, 0.43, 0.42, 0.03]))
    iodine = TUBE_VOLTAGES[kilovolt]
    blood = 42.0
    aortic = rng.uniform(190, 430) * iodine
    # Bolus timing: right heart flushed by saline (low), mixed, or still dense.
    phase = rng.choice(["flushed", "mixed", "dense"], p=[0.45, 0.4, 0.15])
    right = {"flushed": (0.1, 0.4), "mixed": (0.4, 0.95), "dense": (0.95, 1.7)}[phase]
    right = rng.uniform(*right) * aortic
    pulmonary = aortic * rng.uniform(0.45, 1.15)
    aorta = blood + aortic
    return Contrast(
        kilovolt=kilovolt,
        iodine=iodine,
        aorta=aorta,
        left_ventricle=blood + aortic * rng.uniform(0.88, 1.05),
        left_atrium=blood + aortic * rng.uniform(0.85, 1.15),
        pulmonary=blood + pulmonary,
        right_ventricle=blood + right * rng.uniform(0.8, 1.1),
        right_atrium=blood + right * rng.uniform(0.7, 1.2),
        vena_cava=blood + right * (rng.uniform(1.2, 2.6) if phase == "dense" else rng.uniform(0.6, 1.6)),
        right_mixing=0.18 * right,
        myocardium=rng.uniform(55, 75) + aortic * rng.uniform(0.05, 0.16),
        vein=blood + aortic * rng.uniform(0.08, 0.75),
        distal_loss=rng.uniform(0.05, 0.35),
        coronary=blood + aortic * rng.uniform(0.86, 1.02),
        fat=rng.normal(-104, 7),
        epicardial_fat=rng.normal(-92, 10),
        muscle=rng.normal(52, 8),
        lung=rng.normal(-845, 40),
        lung_texture=rng.uniform(15, 45),
        liver=rng.uniform(50, 110),
        spleen=60 + aortic * rng.uniform(0.1, 0.5),
        kidney=50 + aortic * rng.uniform(0.15, 0.6),
        cortical_bone=rng.uniform(450, 900) * (0.5 + 0.5 * iodine),
        marrow=rng.uniform(110, 260) * (0.5 + 0.5 * iodine),
        calcium=rng.uniform(600, 1500) * (0.4 + 0.6 * iodine),
        soft_plaque=rng.uniform(15, 95),
    )
