"""Attenuation of a stored patient's tissues, drawn anew for every crop: as a scan has it, or at random.

A patient is stored without HU. Its organs are known by name; its tubes by the kind of blood or matter in them
and a factor. `physical` follows the relations that the organs are painted with in a whole phantom;
`randomised` draws every class on its own, within what CT can show (Billot et al., SynthSeg, Medical Image
Analysis 86, 2023, with ranges of CT instead of the whole scale).
"""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from bundle.phantom.core import Contrast, draw_contrast

ORGANS = (
    "subcutaneous fat",
    "chest wall",
    "mediastinal fat",
    "lungs",
    "diaphragm",
    "abdominal fat",
    "liver",
    "stomach",
    "spleen",
    "kidneys",
    "bone",
    "marrow",
    "oesophagus",
    "airway wall",
    "airway",
    "descending aortic wall",
    "descending aorta",
    "azygos vein",
    "mammary arteries",
    "pericardium",
    "pericardial fat",
    "pericardial effusion",
    "right ventricle wall",
    "left ventricle wall",
    "atrial wall",
    "pulmonary wall",
    "aortic wall",
    "right ventricle",
    "right atrium",
    "superior vena cava",
    "pulmonary arteries",
    "left atrium",
    "left ventricle",
    "aorta",
    "valve leaflets",
)
"""Every organ a patient can have, in painting order."""

SLOT = {name: slot for slot, name in enumerate(ORGANS)}

CHAMBERS = ("right ventricle", "right atrium", "superior vena cava", "pulmonary arteries", "left atrium")
CHAMBERS += ("left ventricle",)
"""Organs that are pools of blood of the heart and its great vessels, but for the aorta."""

KINDS = ("absolute", "pulmonary", "left_atrium", "aorta", "vein", "vena_cava", "calcium", "wall", "coronary")
"""What a tube is filled with. "absolute" has its HU in its nodes; of the others a node holds a factor, save
"wall" (1 where the wall is plaque) and "coronary" (mm of path from the ostium)."""

_SYMBOLIC = KINDS[1:7]
# A symbol is 10 ** (6 + 3 k): no metal is as bright, and factors stay within 10 ** +-1.5.
_FIRST, _STEP = 6, 3


def symbolic_contrast() -> Contrast:
    """A contrast whose values name their tissue, so that what is drawn with it can be read by `decode`."""
    values = {f.name: 0.0 for f in fields(Contrast)}
    values |= {name: 10.0 ** (_FIRST + _STEP * k) for k, name in enumerate(_SYMBOLIC)}
    return Contrast(**values)


def decode(value: float) -> tuple[int, float]:
    """(index in `KINDS`, factor) of a value drawn with `symbolic_contrast`; metal keeps its HU."""
    if value < 1e4:
        return 0, float(value)
    k = round((np.log10(value) - _FIRST) / _STEP)
    return 1 + k, float(value / 10.0 ** (_FIRST + _STEP * k))


def physical(rng: np.random.Generator) -> tuple[Contrast, np.ndarray, np.ndarray]:
    """Contrast, HU and texture (HU) by organ slot, as one scan would show them.

    Against `draw_contrast` cardiac veins are about as bright as the arteries in half of the scans, as in real
    ones, and marrow goes from fatty to sclerotic.
    """
    c = draw_contrast(rng)
    c.vein = 42.0 + (c.coronary - 42.0) * _vein_brightness(rng)
    c.marrow *= float(rng.uniform(0.2, 1.5))
    hu, texture = np.zeros(len(ORGANS)), np.zeros(len(ORGANS))
    for name, (value, spread) in _organs(rng, c).items():
        hu[SLOT[name]], texture[SLOT[name]] = value, spread
    texture[SLOT["marrow"]] *= float(rng.uniform(0.5, 3.0))
    return c, hu, texture


def _vein_brightness(rng: np.random.Generator) -> float:
    """Enhancement of the cardiac veins, as a part of the arteries'."""
    return float(rng.uniform(0.75, 1.18) if rng.random() < 0.5 else rng.uniform(0.0, 1.0))


def _organs(rng, c: Contrast) -> dict[str, tuple[float, float]]:
    """HU and texture of each organ: the relations of `bundle.phantom.anatomy`."""
    return {
        "subcutaneous fat": (c.fat, 6),
        "chest wall": (c.muscle, 14),
        "mediastinal fat": (c.fat + 4, 10),
        "lungs": (c.lung, c.lung_texture),
        "diaphragm": (c.muscle, 6),
        "abdominal fat": (c.fat, 10),
        "liver": (c.liver, 6),
        "stomach": (float(rng.choice([20.0, 40.0, -700.0, 120.0])), 25),
        "spleen": (c.spleen, c.spleen * 0.22),
        "kidneys": (c.kidney, c.kidney * 0.2),
        "bone": (c.cortical_bone, 60),
        "marrow": (c.marrow, 50),
        "oesophagus": (c.muscle - 10, 12),
        "airway wall": (c.muscle - 20, 0),
        "airway": (-980.0, 0),
        "descending aortic wall": (c.muscle + 10, 0),
        "descending aorta": (c.aorta * 0.98, 5),
        "azygos vein": (c.vein * 0.8, 0),
        "mammary arteries": (c.aorta * 0.85, 0),
        "pericardium": (c.muscle - rng.uniform(0, 40), 0),
        "pericardial fat": (c.epicardial_fat, 12),
        "pericardial effusion": (rng.uniform(0, 25), 5),
        "right ventricle wall": (c.myocardium * rng.uniform(0.75, 1.0), 8),
        "left ventricle wall": (c.myocardium, 8),
        "atrial wall": (c.myocardium * 0.8, 6),
        "pulmonary wall": (c.muscle + 10, 0),
        "aortic wall": (c.muscle + 15, 0),
        "right ventricle": (c.right_ventricle, c.right_mixing * 0.5),
        "right atrium": (c.right_atrium, c.right_mixing),
        "superior vena cava": (c.vena_cava, c.right_mixing),
        "pulmonary arteries": (c.pulmonary, 6),
        "left atrium": (c.left_atrium, 6),
        "left ventricle": (c.left_ventricle, 10),
        "aorta": (c.aorta, 5),
        "valve leaflets": (c.myocardium * 0.9, 0),
    }


_FAT = ("subcutaneous fat", "mediastinal fat", "abdominal fat", "pericardial fat")
_SOFT = ("chest wall", "diaphragm", "liver", "stomach", "spleen", "kidneys", "oesophagus", "airway wall")
_WALLS = ("pericardium", "right ventricle wall", "left ventricle wall", "atrial wall", "pulmonary wall")
_WALLS += ("aortic wall", "descending aortic wall", "valve leaflets")
_BLOOD = (*CHAMBERS, "aorta", "descending aorta", "azygos vein", "mammary arteries")


def randomised(rng: np.random.Generator) -> tuple[Contrast, np.ndarray, np.ndarray]:
    """As `physical`, every class at random: any blood pool from unenhanced to twice the coronary, fat to
    water, bone from soft to dense. One order is kept, for it defines a CT angiogram: lumen is brighter than
    the fat and the wall around it."""
    c, hu, texture = physical(rng)
    c.coronary = float(rng.uniform(160, 800))
    excess = c.coronary - 40.0
    shift = float(rng.normal(0, 15))
    for names, low, high in ((_FAT, -150, -20), (_SOFT, -20, 140), (_WALLS, 0, min(200.0, 0.5 * excess))):
        common = rng.uniform(low, high)
        for name in names:
            hu[SLOT[name]] = common + rng.normal(0, 18) + shift
    for name in _BLOOD:
        hu[SLOT[name]] = 40 + excess * rng.uniform(0.0, 1.9)
    hu[SLOT["aorta"]] = 40 + excess * rng.uniform(0.75, 1.35)
    hu[SLOT["lungs"]] = rng.uniform(-950, -550)
    hu[SLOT["bone"]] = rng.uniform(200, 1400)
    hu[SLOT["marrow"]] = rng.uniform(-60, 700)
    texture *= rng.uniform(0.3, 4.0, len(texture))
    texture += rng.uniform(0, 12, len(texture))
    c.aorta, c.left_atrium = hu[SLOT["aorta"]], hu[SLOT["left atrium"]]
    c.pulmonary, c.vena_cava = hu[SLOT["pulmonary arteries"]], hu[SLOT["superior vena cava"]]
    c.vein = 40 + excess * _vein_brightness(rng)
    c.muscle = float(rng.uniform(-10, 110))
    c.soft_plaque = float(rng.uniform(-40, min(160.0, 0.6 * excess)))
    c.calcium = float(rng.uniform(500, 2200))
    c.distal_loss = float(rng.uniform(0.0, 0.5))
    return c, hu, texture


def node_hu(contrast: Contrast, kinds: np.ndarray, notes: np.ndarray) -> np.ndarray:
    """HU of tube nodes (N,) from their kind (index in `KINDS`) and note."""
    table = np.array([1.0] + [getattr(contrast, name) for name in KINDS[1:7]] + [0.0, 0.0])
    hu = table[kinds] * notes
    wall, lumen = kinds == KINDS.index("wall"), kinds == KINDS.index("coronary")
    hu[wall] = np.where(notes[wall] > 0, contrast.soft_plaque, contrast.muscle - 10.0)
    fading = contrast.coronary * (1 - contrast.distal_loss * notes[lumen] / 100)
    hu[lumen] = np.maximum(fading, 0.35 * contrast.coronary)
    return hu
